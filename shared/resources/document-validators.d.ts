/** A fault as Ajv reports it. */
export type SchemaError = {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  params: Record<string, unknown>;
  message?: string;
};

/** Fills in defaults; the faults of the last call stand in `errors`. */
export type Validator = { (document: unknown): boolean; errors?: SchemaError[] | null };

export const validateService: Validator;
export const validateInstance: Validator;
export const validateRoute: Validator;
export const validatePolicy: Validator;
export const validateProxy: Validator;
