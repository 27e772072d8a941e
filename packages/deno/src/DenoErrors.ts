/**
 * What Deno's errors mean, beyond the codes that it shares with Node (`ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`): the
 * only file of this package that reads them.
 */
import { connectError as nodeConnectError } from "@weir/node/sockets"
import { type ConnectPhase, type TransportError, transportError } from "@weir/transport"

/** Why a connect failed. */
export const connectError = (cause: unknown, phase: ConnectPhase, address: string): TransportError => {
  if (isDenial(cause)) return denied(cause.message, cause.name)
  // Of a name that may not be resolved Deno tells only so much.
  if (phase === "dns" && codeOf(cause) === "EPERM") return denied("run again with the --allow-net flag", "EPERM")
  return nodeConnectError(inOpensslWords(cause), phase, address)

  function denied(why: string, code: string): TransportError {
    const detail = `Deno's permissions do not allow it: ${why}`
    return transportError({ reason: "LocalResource", phase, address, code, detail, cause })
  }
}

/** `Deno.errors.NotCapable`. Its message says which flag would allow it. */
const isDenial = (cause: unknown): cause is Error => cause instanceof Error && cause.name === "NotCapable"

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error && "code" in cause)) return ""
  return typeof cause.code === "string" ? cause.code : ""
}

/** Deno's TLS gives OpenSSL's words in the code only; its own message, of rustls, may say more. */
const inOpensslWords = (cause: unknown): unknown => {
  const code = codeOf(cause)
  if (!(cause instanceof Error) || !code.startsWith("ERR_SSL_")) return cause
  const words = code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ")
  return Object.assign(new Error(cause.message, { cause }), { code, reason: `${words} (${cause.message})` })
}
