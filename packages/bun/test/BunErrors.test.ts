/**
 * What Bun's native errors mean, for those that no peer brings about at will.
 */
import { assert, describe, it } from "@effect/vitest"
import { refusedWrite, tlsFailureIn, tornDown } from "../src/BunErrors.ts"

const boringSslError = (name: string) =>
  Object.assign(new Error(`error:1000045c:SSL routines:OPENSSL_internal:${name}`), { code: "EPROTO", errno: 0 })

describe("an error of a native socket", () => {
  it("that is the peer's alert is a refused TLS session, in the words of the alert", () => {
    const cause = boringSslError("TLSV1_ALERT_CERTIFICATE_REQUIRED")
    const error = tlsFailureIn(cause, "a.test:443")
    assert.strictEqual(error?.reason, "TlsHandshakeFailed")
    assert.strictEqual(error?.phase, "io")
    assert.strictEqual(error?.code, "ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED")
    assert.include(error?.message ?? "", "tlsv1 alert certificate required")
    assert.isTrue(error?.cause instanceof Error && error.cause.cause === cause)
  })

  it("that is a damaged record keeps BoringSSL's name for it", () => {
    const error = tlsFailureIn(boringSslError("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), "a.test:443")
    assert.strictEqual(error?.reason, "Other")
    assert.strictEqual(error?.code, "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC")
  })

  it("that a reader threw is not taken for a failure of TLS", () => {
    assert.isUndefined(tlsFailureIn(new Error("mine"), "a.test:443"))
    assert.isUndefined(tlsFailureIn("not even an error", "a.test:443"))
  })

  it("that has no code is a reset all the same", () => {
    for (const error of [refusedWrite("a.test:80"), tornDown("a.test:80")]) {
      assert.strictEqual(error.reason, "Reset")
      assert.strictEqual(error.phase, "io")
      assert.isUndefined(error.code)
    }
  })
})
