import { FieldName, fieldNames } from './field-name.ts';

/** Kinds of fields that not everybody may say, as bits. */
export const Guard = {
  /** The X-Forwarded fields and their kin. */
  xForwarded: 1,
  /** RFC 7239. */
  forwarded: 2,
  /** Who the caller is, as another proxy found out. */
  identity: 4,
  /** Words of this mesh. */
  mesh: 8,
  underscored: 16,
  twin: 32,
  via: 64,
  /** The one word of this mesh that applications hear. */
  mirror: 128,
} as const;

/** The kind of guarded field that a name belongs to, 0 for those that anybody may send. */
export const guardOf = new Uint8Array(fieldNames);
guardOf[FieldName.meshlaneReason] = Guard.mesh;
guardOf[FieldName.meshlane] = Guard.mesh;
guardOf[FieldName.meshlaneMirror] = Guard.mirror;
guardOf[FieldName.forwarded] = Guard.forwarded;
guardOf[FieldName.forwardedFor] = Guard.xForwarded;
guardOf[FieldName.forwardedProto] = Guard.xForwarded;
guardOf[FieldName.forwardedHost] = Guard.xForwarded;
guardOf[FieldName.forwardedOther] = Guard.xForwarded;
guardOf[FieldName.clientIdentity] = Guard.identity;
guardOf[FieldName.underscored] = Guard.underscored;
guardOf[FieldName.twin] = Guard.twin;
guardOf[FieldName.via] = Guard.via;
