/**
 * What the table of capabilities does not say with yes and no: what happens instead of what this layer cannot do, and what
 * it does by other means than Deno's own sockets.
 */
import type { Capabilities } from "@weir/transport"

export const capabilityNotes: { readonly [Ability in keyof Capabilities]?: string } = {
  tls: "by `node:tls` over Deno's own socket; `info.layer` says `deno+node:tls`",
  localAddress: "by `node:net`; `info.layer` says `deno+node:net`",
  sessionResumption: "a full handshake each time, and `info.tls.isResumed` is false",
  reset: "closes with FIN; over TLS without a close_notify, so that the peer still cannot take it for an orderly end"
}
