/**
 * TLS as Node is told it: the options of a connect, and what is worth keeping from one connect to the next.
 *
 * Kept are secure contexts (parsed certificates and keys) and sessions to resume. Both are found by everything that
 * makes one TLS identity differ from another, compared in full: a session is never offered for another CA, client
 * certificate, name, ALPN offer, minimum version, verification or address than the one it came from.
 */

import { isIP } from "node:net"
import type { ConnectionOptions, SecureContext, TLSSocket } from "node:tls"
import { checkServerIdentity, createSecureContext } from "node:tls"
import type { TlsInfo } from "@weir/transport"
import { Target } from "@weir/transport"
import { LruMap } from "./LruMap.ts"

/** Each holds the parsed certificates of one set of options. Programs have a handful; those beyond are parsed anew. */
const contextCountMax = 64

type Session = NonNullable<ConnectionOptions["session"]>

/** One connect's share in what is kept. */
export interface TlsSetup {
  readonly options: ConnectionOptions
  /** The session on offer came from this place; new ones go there. */
  readonly sessionKey: string
}

export class NodeTls {
  readonly #contexts = new LruMap<string, SecureContext>(contextCountMax)
  readonly #sessions: LruMap<string, Session>
  // A CA bundle is 200 KiB of text: its identity is computed once per options object, of which each route has one.
  readonly #identities = new WeakMap<Target.TlsOptions, string>()

  constructor(sessionCountMax: number) {
    this.#sessions = new LruMap(sessionCountMax)
  }

  /** How to connect to `address`. Throws what OpenSSL says of a CA, certificate or key that it cannot read. */
  setup(tls: Target.TlsOptions, address: Target.Address): TlsSetup {
    const identity = this.#identityOf(tls)
    const sessionKey = identity + Target.formatAddress(address)
    const session = this.#sessions.get(sessionKey)
    const name = nameToCheck(tls, address)
    return {
      sessionKey,
      options: {
        secureContext: this.#contextOf(tls, identity),
        // Given in so many words, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn verification off.
        rejectUnauthorized: !isUnverified(tls),
        // SNI carries neither an IP address nor a trailing dot (RFC 6066 section 3); the empty name is not sent.
        servername: name === undefined || isIP(name) !== 0 ? "" : name.replace(/\.$/, ""),
        // Node would check an IP address against the host that is dialled.
        ...(name === undefined
          ? {}
          : { checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate) }),
        ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
        ...(session === undefined ? {} : { session })
      }
    }
  }

  /** The peer gave a session to resume. With TLS 1.3 it gives several, of which the newest is kept. */
  keepSession(setup: TlsSetup, session: Session): void {
    this.#sessions.set(setup.sessionKey, session)
  }

  /** The handshake failed: if a session was offered it may be why, so the next connect starts without one. */
  forgetSession(setup: TlsSetup): void {
    this.#sessions.delete(setup.sessionKey)
  }

  #contextOf(tls: Target.TlsOptions, identity: string): SecureContext {
    const known = this.#contexts.get(identity)
    if (known !== undefined) return known
    const context = createSecureContext({
      minVersion: tls.minVersion ?? "TLSv1.2",
      ...(tls.ca === undefined ? {} : { ca: [...tls.ca] }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate.chain, key: tls.certificate.key })
    })
    this.#contexts.set(identity, context)
    return context
  }

  #identityOf(tls: Target.TlsOptions): string {
    const known = this.#identities.get(tls)
    if (known !== undefined) return known
    const identity = JSON.stringify([
      tls.serverName ?? null,
      tls.alpn ?? null,
      tls.ca ?? null,
      tls.certificate?.chain ?? null,
      tls.certificate?.key ?? null,
      tls.minVersion ?? "TLSv1.2",
      tls.verification ?? "full"
    ])
    this.#identities.set(tls, identity)
    return identity
  }
}

/** What a finished handshake agreed on. */
export const tlsInfoOf = (socket: TLSSocket, tls: Target.TlsOptions): TlsInfo => ({
  protocol: socket.getProtocol() ?? "unknown",
  cipher: socket.getCipher().name,
  isResumed: socket.isSessionReused(),
  isVerified: !isUnverified(tls)
})

export const isUnverified = (tls: Target.TlsOptions): boolean => tls.verification === "unverified"

/** The name the certificate has to carry; a Unix address has none of its own. */
export const nameToCheck = (tls: Target.TlsOptions, address: Target.Address): string | undefined =>
  tls.serverName ?? (address._tag === "Tcp" ? address.host : undefined)
