/** The one door to undici. */
export { Agent, type Dispatcher, H2CClient, Pool, request } from 'undici';
