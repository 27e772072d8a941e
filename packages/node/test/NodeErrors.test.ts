/**
 * What Node's error codes mean, for those that no test can bring about on every machine.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ConnectPhase, TransportReason } from "@weir/transport"
import { connectError, ioError } from "../src/NodeErrors.ts"

const nativeError = (code: string, fields: Record<string, string> = {}) =>
  Object.assign(new Error(`native text of ${code}`), { code, ...fields })

const whileConnecting: ReadonlyArray<readonly [ConnectPhase, string, TransportReason]> = [
  ["dns", "EAI_AGAIN", "DnsFailed"],
  ["dns", "ESERVFAIL", "DnsFailed"],
  ["tcp", "EAGAIN", "Refused"],
  ["tcp", "ECONNRESET", "Reset"],
  ["tcp", "ENETUNREACH", "Unreachable"],
  ["tcp", "EHOSTUNREACH", "Unreachable"],
  ["tcp", "ETIMEDOUT", "Unreachable"],
  ["tcp", "EMFILE", "LocalResource"],
  ["tcp", "ENFILE", "LocalResource"],
  ["tcp", "EADDRINUSE", "LocalResource"],
  ["tcp", "EACCES", "LocalResource"],
  ["tcp", "EWHATEVER", "Other"],
  ["tls", "CERT_REVOKED", "CertificateRejected"],
  ["tls", "SELF_SIGNED_CERT_IN_CHAIN", "CertificateRejected"],
  ["tls", "CERT_NOT_YET_VALID", "CertificateRejected"],
  ["tls", "ERR_SSL_UNSUPPORTED_PROTOCOL", "TlsHandshakeFailed"],
  ["tls", "EPROTO", "TlsHandshakeFailed"],
  ["tls", "ETIMEDOUT", "Reset"]
]

const whileOpen: ReadonlyArray<readonly [string, TransportReason]> = [
  ["ECONNRESET", "Reset"],
  ["EPIPE", "Reset"],
  ["ETIMEDOUT", "Reset"],
  ["EHOSTUNREACH", "Reset"],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "TlsHandshakeFailed"],
  ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "Other"],
  ["EWHATEVER", "Other"]
]

describe("a native error", () => {
  it.each(whileConnecting)("in phase %s with code %s has the reason %s", (phase, code, reason) => {
    const cause = nativeError(code)
    const error = connectError(cause, phase, "a.test:443")
    assert.deepStrictEqual(
      { reason: error.reason, phase: error.phase, code: error.code, address: error.address, cause: error.cause },
      { reason, phase, code, address: "a.test:443", cause }
    )
    assert.match(error.message, new RegExp(`^a\\.test:443: ${phase}: .+ \\(${code}\\)$`))
  })

  it.each(whileOpen)("of an open connection with code %s has the reason %s", (code, reason) => {
    const error = ioError(nativeError(code), "a.test:443")
    assert.strictEqual(error.reason, reason)
    assert.strictEqual(error.phase, "io")
    assert.strictEqual(error.code, code)
  })

  it("of OpenSSL is told in OpenSSL's words, without its numbers", () => {
    const error = connectError(nativeError("ERR_SSL_BAD", { reason: "bad things" }), "tls", "a.test:443")
    assert.strictEqual(error.detail, "the TLS handshake failed: bad things")
  })

  it("that is no error at all is still told", () => {
    const error = ioError("a string", "a.test:80")
    assert.strictEqual(error.reason, "Other")
    assert.include(error.message, "a string")
  })
})
