/** The one door to undici. */
export { Agent, Pool, request } from 'undici';
