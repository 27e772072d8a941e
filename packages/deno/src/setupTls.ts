/**
 * The options of a TLS connect, after a look at what Deno itself would find out as late as the handshake: PEM texts that
 * nobody can read, and protocol names that do not fit.
 */
import { Buffer } from "node:buffer"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { type NodeTls, type TlsSetup, unusableTlsOptions } from "@weir/node/sockets"
import { Target, type TransportError } from "@weir/transport"
import { Effect } from "effect"
import { connectError } from "./DenoErrors.ts"

/** Reading them takes a while, and each route has one object. */
const legible = new WeakSet<Target.TlsOptions>()

export const setupTls = (
  nodeTls: NodeTls,
  tls: Target.TlsOptions,
  address: Target.Address
): Effect.Effect<TlsSetup, TransportError> =>
  Effect.suspend(() => {
    const misfit = tls.alpn?.find((name) => !fitsAlpn(name))
    if (misfit !== undefined) {
      const cause = new RangeError(`the ALPN name "${misfit}" is not 1 to 255 bytes long (RFC 7301 section 3.1)`)
      const coded = Object.assign(cause, { code: "ERR_OUT_OF_RANGE" })
      return Effect.fail(connectError(coded, "tcp", Target.formatAddress(address)))
    }
    return Effect.try({
      try: () => {
        if (!legible.has(tls)) {
          read(tls)
          legible.add(tls)
        }
        return nodeTls.setup(tls, address)
      },
      catch: (cause) => unusableTlsOptions(cause, Target.formatAddress(address))
    })
  })

const fitsAlpn = (name: string): boolean => name !== "" && Buffer.byteLength(name) <= 255

/** Throws what is wrong with a text that cannot be read. */
const read = ({ ca = [], certificate }: Target.TlsOptions): void => {
  for (const text of ca) new X509Certificate(text)
  if (certificate === undefined) return
  new X509Certificate(certificate.chain)
  createPrivateKey(certificate.key)
}
