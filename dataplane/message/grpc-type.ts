/** Media types of gRPC (PROTOCOL-HTTP2.md) and gRPC-Web (PROTOCOL-WEB.md, both of github.com/grpc/grpc/tree/master/doc). */

/** What all of them begin with. */
const grpc = 'application/grpc';
/** Text or not, format of the messages; parameters may follow. */
const web = /^(application\/grpc-web(-text)?(\+[\w.-]+)?)(?:[ \t]*;|$)/;

/** `application/grpc`, alone or with a message format or parameters behind it. */
export function isGrpcType(value: string): boolean {
  return value.startsWith(grpc) && (value.length === grpc.length || /^[+;]/.test(value.slice(grpc.length)));
}

/** A form of gRPC-Web. */
export type WebType = {
  /** Without parameters. */
  readonly name: string;
  /** The same messages as gRPC proper. */
  readonly grpcName: string;
  /** Frames are in base64. */
  readonly isText: boolean;
};

/** Null for what is not gRPC-Web. */
export function webTypeOf(value: string): WebType | null {
  if (!value.startsWith(grpc)) return null;
  const match = web.exec(value);
  if (match === null) return null;
  const [, name = '', text, format = ''] = match;
  return { name, grpcName: grpc + format, isText: text !== undefined };
}
