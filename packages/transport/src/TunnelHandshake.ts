/**
 * What is said to a proxy until it has opened a tunnel, as a pure state machine: bytes in, the next step out.
 */

/** Why there is no tunnel. */
export interface TunnelFailure {
  /**
   * `refused`: the proxy said no. `malformed`: what it said breaks its protocol, or is too long. `unsupported`: the
   * target or the credentials cannot be told to such a proxy; nothing was sent.
   */
  readonly kind: "refused" | "malformed" | "unsupported"
  /** What to read in a message: one clause, no full stop, nothing that the proxy wrote. */
  readonly detail: string
  /** An HTTP proxy's status, or the code of a SOCKS5 proxy's reply (RFC 1928 section 6). */
  readonly status?: number
}

/** What to do after the proxy has said something. */
export type TunnelStep =
  /** Send this, if there is something, and wait for more. */
  | { readonly _tag: "More"; readonly send?: Uint8Array }
  /** The tunnel is open; `rest` has come through it already, and is borrowed like the chunk it came in. */
  | { readonly _tag: "Open"; readonly rest: Uint8Array }
  | { readonly _tag: "Failed"; readonly failure: TunnelFailure }

export interface TunnelHandshake {
  /** What to send first. */
  readonly greeting: Uint8Array
  /** Takes what the proxy has sent. Not to be called after `Open` or `Failed`. */
  receive(chunk: Uint8Array): TunnelStep
}

export const failed = (kind: TunnelFailure["kind"], detail: string, status?: number): TunnelStep => ({
  _tag: "Failed",
  failure: { kind, detail, ...(status === undefined ? {} : { status }) }
})

/** Bytes that were received and not understood yet, and then some more of them. */
export const append = (before: Uint8Array, chunk: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(before.length + chunk.length)
  joined.set(before)
  joined.set(chunk, before.length)
  return joined
}
