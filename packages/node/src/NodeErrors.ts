/**
 * What Node's error codes mean: the only file of this package that reads them.
 *
 * Codes are libuv's (`ECONNREFUSED`), the resolver's (`ENOTFOUND`), OpenSSL's verification results (`CERT_HAS_EXPIRED`)
 * and its own errors (`ERR_SSL_*`). Bun's and Deno's `node:net` use the same ones.
 */
import type { ConnectPhase, TransportError, TransportReason } from "@weir/transport"
import { transportError } from "@weir/transport"

type Meaning = readonly [reason: TransportReason, detail: string]

const connectMeanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["ECONNREFUSED", ["Refused", "nothing accepts connections at this address"]],
  ["ENOENT", ["Refused", "no socket exists at this path"]],
  // A Unix listener whose backlog is full; TCP waits in silence instead.
  ["EAGAIN", ["Refused", "the listener's queue of waiting connections is full"]],
  ["ECONNRESET", ["Reset", "the peer reset the connection while it was being opened"]],
  ["ECONNABORTED", ["Reset", "the system tore the connection down while it was being opened"]],
  ["ENETUNREACH", ["Unreachable", "there is no route to the network"]],
  ["EHOSTUNREACH", ["Unreachable", "there is no route to the host"]],
  ["ENETDOWN", ["Unreachable", "the network is down"]],
  ["EHOSTDOWN", ["Unreachable", "the host is down"]],
  ["EAFNOSUPPORT", ["Unreachable", "this machine does not speak the address's family"]],
  ["ETIMEDOUT", ["Unreachable", "the system gave up waiting for an answer"]],
  ["EMFILE", ["LocalResource", "this process has no file descriptor left: raise its limit or hold fewer connections"]],
  ["ENFILE", ["LocalResource", "this machine has no file descriptor left: hold fewer connections"]],
  ["ENOBUFS", ["LocalResource", "the system has no buffer space left"]],
  ["ENOMEM", ["LocalResource", "the system has no memory left"]],
  ["EADDRINUSE", ["LocalResource", "no local port is free"]],
  ["EADDRNOTAVAIL", ["LocalResource", "the local address is not this machine's, or no local port is free"]],
  ["EINVAL", ["LocalResource", "the system refuses this pair of local and remote address"]],
  ["EACCES", ["LocalResource", "this process may not connect there"]],
  ["EPERM", ["LocalResource", "this process may not connect there"]]
])

const ioMeanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["ECONNRESET", ["Reset", "the peer reset the connection"]],
  ["EPIPE", ["Reset", "the peer no longer takes what is sent"]],
  ["ECONNABORTED", ["Reset", "the system tore the connection down"]],
  ["ENOTCONN", ["Reset", "the connection is no longer open"]],
  ["ETIMEDOUT", ["Reset", "the peer stopped answering and the system gave up"]],
  ["ENETRESET", ["Reset", "the network dropped the connection"]],
  ["ENETDOWN", ["Reset", "the network went down"]],
  ["ENETUNREACH", ["Reset", "the route to the network is gone"]],
  ["EHOSTUNREACH", ["Reset", "the route to the host is gone"]]
])

/** OpenSSL's verification results as Node names them, and Node's own check of the name. */
const certificateCodes: ReadonlySet<string> = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "CRL_HAS_EXPIRED",
  "CRL_NOT_YET_VALID",
  "CRL_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "ERROR_IN_CRL_LAST_UPDATE_FIELD",
  "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
  "ERR_TLS_CERT_ALTNAME_FORMAT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  "UNABLE_TO_GET_CRL",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNSPECIFIED"
])

/** Why a connect failed. */
export const connectError = (cause: unknown, phase: ConnectPhase, address: string): TransportError => {
  const code = textOf(cause, "code")
  const [reason, detail] = phase === "dns" ? dnsMeaning(cause) : phase === "tls" ? tlsMeaning(cause) : tcpMeaning(cause)
  return transportError({ reason, phase, address, ...(code === undefined ? {} : { code }), detail, cause })
}

/** Why an open connection broke. */
export const ioError = (cause: unknown, address: string): TransportError => {
  const code = textOf(cause, "code")
  const [reason, detail] = ioMeaning(cause)
  return transportError({ reason, phase: "io", address, ...(code === undefined ? {} : { code }), detail, cause })
}

/** The CA, certificate or key of a target could not be read; nothing was dialled. */
export const unusableTlsOptions = (cause: unknown, address: string): TransportError => {
  const code = textOf(cause, "code")
  return transportError({
    reason: "TlsHandshakeFailed",
    phase: "tls",
    address,
    ...(code === undefined ? {} : { code }),
    detail: `the target's CA, certificate or key cannot be used: ${opensslText(cause)}`,
    cause
  })
}

/** The socket closed while it was being opened, and Node gave no reason. */
export const closedWhileOpening = (phase: ConnectPhase, address: string): TransportError =>
  transportError({
    reason: "PeerClosed",
    phase,
    address,
    detail: "the connection was closed while it was being opened"
  })

/** The target asks for what cannot be done. */
export const unsupported = (detail: string, phase: ConnectPhase, address: string): TransportError =>
  transportError({ reason: "Unsupported", phase, address, detail })

const dnsMeaning = (cause: unknown): Meaning => {
  switch (textOf(cause, "code")) {
    case "ENOTFOUND":
      return ["DnsFailed", "the name has no address"]
    case "EAI_AGAIN":
      return ["DnsFailed", "the name servers did not answer"]
    default:
      return ["DnsFailed", `the resolver failed: ${messageOf(cause)}`]
  }
}

const tcpMeaning = (cause: unknown): Meaning =>
  connectMeanings.get(textOf(cause, "code") ?? "") ?? ["Other", messageOf(cause)]

const tlsMeaning = (cause: unknown): Meaning => {
  const code = textOf(cause, "code") ?? ""
  if (certificateCodes.has(code)) return ["CertificateRejected", messageOf(cause)]
  // Node gives a FIN during the handshake the code ECONNRESET too, but only a failed read or write has a `syscall`.
  if (code === "ECONNRESET" && textOf(cause, "syscall") === undefined) {
    return ["PeerClosed", "the peer closed the connection during the TLS handshake"]
  }
  return ioMeanings.get(code) ?? ["TlsHandshakeFailed", `the TLS handshake failed: ${opensslText(cause)}`]
}

const ioMeaning = (cause: unknown): Meaning => {
  const code = textOf(cause, "code") ?? ""
  // In TLS 1.3 our side has finished before the peer has judged our certificate, so its refusal comes as an alert here.
  if (code.startsWith("ERR_SSL_") && code.includes("_ALERT_")) {
    return ["TlsHandshakeFailed", `the peer refused the TLS session: ${opensslText(cause)}`]
  }
  return ioMeanings.get(code) ?? ["Other", messageOf(cause)]
}

/** OpenSSL's own words (`wrong version number`) without its file names and numbers; BoringSSL shouts them as one name. */
const opensslText = (cause: unknown): string => {
  const text = textOf(cause, "reason") ?? messageOf(cause)
  return /^[A-Z0-9_]+$/.test(text) ? text.toLowerCase().replaceAll("_", " ") : text
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const textOf = (cause: unknown, field: string): string | undefined => {
  const value: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, field) : undefined
  return typeof value === "string" ? value : undefined
}
