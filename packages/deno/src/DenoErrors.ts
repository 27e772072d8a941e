/**
 * What Deno's errors mean, beyond the codes that it shares with Node (`ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`): the
 * only file of this package that reads them.
 */
import { connectError as nodeConnectError } from "@weir/node/sockets"
import { type ConnectPhase, type TransportError, transportError } from "@weir/transport"

/** Why a connect failed. An `AggregateError` has one cause for each address that was tried. */
export const connectError = (cause: unknown, phase: ConnectPhase, address: string): TransportError => {
  const denial = cause instanceof AggregateError ? cause.errors.find(isDenial) : cause
  if (!isDenial(denial)) return nodeConnectError(inOpensslWords(cause), phase, address)
  const detail = `Deno's permissions do not allow it: ${denial.message}`
  return transportError({ reason: "LocalResource", phase, address, code: denial.name, detail, cause })
}

/** `Deno.errors.NotCapable`. Its message says which flag would allow it. */
const isDenial = (cause: unknown): cause is Error => cause instanceof Error && cause.name === "NotCapable"

/** Deno's TLS gives OpenSSL's words in the code only; its own message, of rustls, may say more. */
const inOpensslWords = (cause: unknown): unknown => {
  if (!(cause instanceof Error && "code" in cause && typeof cause.code === "string")) return cause
  const { code, message } = cause
  if (!code.startsWith("ERR_SSL_")) return cause
  const words = code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ")
  return Object.assign(new Error(message, { cause }), { code, reason: `${words} (${message})` })
}
