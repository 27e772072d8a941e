/**
 * Every way in which a transport fails, as one error with a closed set of reasons.
 *
 * Each runtime layer maps its native errors to these in one file, so that the layers above never read an error code.
 */
import { Data } from "effect"

/** The parts of a connect, in order. A connect is always in exactly one of them. */
export type ConnectPhase = "dns" | "tcp" | "proxy" | "tls"

/** Why a transport failed. The same set is used in errors, events, metrics and tests. */
export type TransportReason =
  /** The name has no address, or the resolver failed. */
  | "DnsFailed"
  /** Nothing listens at the address (ECONNREFUSED, or a Unix path that does not exist). */
  | "Refused"
  /** No route, network or host is down, or the system gave up (ENETUNREACH, EHOSTUNREACH, ETIMEDOUT). */
  | "Unreachable"
  /** The local side could not give a socket: descriptors, ports, permissions, an address that is not ours. */
  | "LocalResource"
  /** The TLS handshake failed for another reason than the certificate. */
  | "TlsHandshakeFailed"
  /** The peer's certificate was refused: unknown CA, expired, wrong name. */
  | "CertificateRejected"
  /** A proxy refused or broke the tunnel. */
  | "ProxyRefused"
  /** The peer sent RST, or the system tore the connection down. */
  | "Reset"
  /** The peer sent FIN where the protocol above had not ended. */
  | "PeerClosed"
  /** Closed by our side. */
  | "LocalClosed"
  /** What was asked cannot be done on this runtime, or is no target at all; the message says why. */
  | "Unsupported"
  /** An error with no mapping; `code` and `cause` carry what the runtime said. */
  | "Other"

export class TransportError extends Data.TaggedError("TransportError")<{
  readonly reason: TransportReason
  /** `"io"`: after the connect. */
  readonly phase: ConnectPhase | "io"
  /** The address, as `formatAddress` writes it; through a proxy, as `formatTarget` does. Never with credentials. */
  readonly address: string
  /** What the runtime called it: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  readonly code?: string
  /** With `ProxyRefused`: an HTTP proxy's status, or the code of a SOCKS5 proxy's reply (RFC 1928 section 6), if it gave one. */
  readonly proxyStatus?: number
  /** What to read in a message: one clause, no full stop. */
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const code = this.code === undefined ? "" : ` (${this.code})`
    return `${this.address}: ${this.phase}: ${this.detail}${code}`
  }
}

/**
 * Builds the error without capturing a stack: transport failures are frequent, and a stack that ends in an event
 * loop callback tells nobody anything, yet costs 4 to 10 µs on Node.
 */
export const transportError = (fields: ConstructorParameters<typeof TransportError>[0]): TransportError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new TransportError(fields)
  } finally {
    Error.stackTraceLimit = limit
  }
}
