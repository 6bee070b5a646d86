/**
 * The memory that all connections of a worker read into. What is read is used up or copied within the callback, so
 * one piece serves them all and stays in the processor's cache.
 */
export const slab = Buffer.allocUnsafeSlow(65_536);
