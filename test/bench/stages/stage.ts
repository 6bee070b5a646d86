/**
 * One step of a request's way, as the product does it and as one would plainly write it. The plain version is the oracle:
 * `check` throws unless both come to the same, and runs before anything is measured.
 */
export type Stage = {
  readonly name: string;
  /** What one operation is. */
  readonly what: string;
  /** How the plain version does it. */
  readonly plain: string;
  prepare(): PreparedStage;
};

/** Both loops return something that depends on every operation, so that none can be left out. */
export type PreparedStage = {
  check(): void;
  runFast(times: number): number;
  runPlain(times: number): number;
};
