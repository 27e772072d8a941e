/**
 * How a client's connections are secured.
 */
import { Schema } from "effect"

/** TLS for every `https:` origin of the client. It is part of the route: other settings never share a connection. */
export const TlsSettings = Schema.Struct({
  /** PEM certificates to trust instead of the runtime's roots. */
  ca: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The client's certificate chain and key, PEM. */
  certificate: Schema.optionalKey(Schema.Struct({ chain: Schema.String, key: Schema.String })),
  /** The name to send and check instead of the URL's host. */
  serverName: Schema.optionalKey(Schema.String),
  /** Default TLSv1.2. */
  minVersion: Schema.optionalKey(Schema.Literals(["TLSv1.2", "TLSv1.3"])),
  /** `unverified` accepts any certificate. Default `full`. */
  verification: Schema.optionalKey(Schema.Literals(["full", "unverified"]))
})
