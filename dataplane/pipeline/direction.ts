/** Whether requests come to this workload or leave it. */
export type Direction = 'inbound' | 'outbound';
