/**
 * What the table of capabilities does not say with yes and no: what happens instead of what this layer cannot do, and
 * what it does by other means than Bun's own sockets.
 */
import type { Capabilities } from "@weir/transport"

export const capabilityNotes: { readonly [Ability in keyof Capabilities]?: string } = {
  tls: "the handshake by `node:tls`, the bytes through Bun's own socket",
  tlsInTls: "`Unsupported`: use an http or socks5 proxy, or Node or Deno",
  sessionResumption: "kept and offered by `node:tls`"
}
