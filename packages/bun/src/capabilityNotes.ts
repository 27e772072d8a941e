/**
 * What the table of capabilities does not say with yes and no: what this layer does by other means than Bun's own sockets.
 */
import type { Capabilities } from "@weir/transport"

export const capabilityNotes: { readonly [Ability in keyof Capabilities]?: string } = {
  tls: "the handshake by `node:tls`, the bytes through Bun's own socket",
  sessionResumption: "kept and offered by `node:tls`"
}
