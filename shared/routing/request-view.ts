/** What a matcher may ask of a request. Names of header fields are lower case. */
export type RequestView = {
  readonly method: string;
  /** Host without port, lower case. */
  readonly host: string;
  /** Path without query. */
  readonly path: string;
  /** Query without "?", empty when there is none. */
  readonly query: string;
  /** Value of a field, its lines joined by ", " (RFC 9110 §5.3), those of Cookie by "; ", or null. */
  header(name: string): string | null;
};
