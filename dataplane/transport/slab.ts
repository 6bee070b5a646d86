/**
 * The memory that all connections of a worker read into. What is read is used up or copied within the callback, so
 * one piece serves them all and stays in the processor's cache.
 */
export const slab = Buffer.allocUnsafeSlow(65_536);

/** Size of the memory that a connection gets for itself when it carries much. */
export const bulkBytes = 65_536;
