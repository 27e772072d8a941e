/**
 * What Bun's own sockets tell of a connection that breaks: the only file of this package that reads it. Errors of a
 * connect are `node:net`'s and `node:tls`'s, and so are the codes that come with a close (`ECONNRESET`).
 */
import { ioError } from "@weir/node/sockets"
import { type TransportError, transportError } from "@weir/transport"

/** BoringSSL's text: `error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED`. */
const boringSslText = /^error:[0-9a-f]+:SSL routines:[^:]*:([A-Z0-9_]+)/

/** Why an open connection was closed. */
export const brokenBy = ioError

/** TLS failed; undefined when `cause` comes from elsewhere, such as an exception of the reader's. */
export const tlsFailureIn = (cause: unknown, address: string): TransportError | undefined => {
  const reason = cause instanceof Error ? boringSslText.exec(cause.message)?.[1] : undefined
  if (reason === undefined) return undefined
  return ioError(Object.assign(new Error(reason, { cause }), { code: `ERR_SSL_${reason}`, reason }), address)
}

/** A write was refused. Bun does not say by which code. */
export const refusedWrite = (address: string): TransportError =>
  transportError({ reason: "Reset", phase: "io", address, detail: "the peer no longer takes what is sent" })

/** The connection was closed though one side had not ended, and Bun gave no error. */
export const tornDown = (address: string): TransportError =>
  transportError({ reason: "Reset", phase: "io", address, detail: "the system tore the connection down" })
