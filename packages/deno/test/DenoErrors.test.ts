/**
 * What Deno's errors mean, beyond what Node's mean too.
 */
import { assert, describe, it } from "@effect/vitest"
import { connectError } from "../src/DenoErrors.ts"

const named = (name: string, message: string) => Object.assign(new Error(message), { name })

describe("an error of Deno's", () => {
  it("about a permission says which flag would allow it", () => {
    const cause = named("NotCapable", 'Requires net access to "a.test:80", run again with the --allow-net flag')
    const error = connectError(cause, "tcp", "a.test:80")
    assert.strictEqual(error.reason, "LocalResource")
    assert.strictEqual(error.code, "NotCapable")
    assert.include(error.message, "--allow-net")
    assert.strictEqual(error.cause, cause)
  })

  it("about the permission to resolve a name, of which it tells the code only, says which flag would allow it", () => {
    const error = connectError(
      Object.assign(new Error("getaddrinfo EPERM a.test"), { code: "EPERM" }),
      "dns",
      "a.test:80"
    )
    assert.strictEqual(error.reason, "LocalResource")
    assert.include(error.message, "--allow-net")
  })

  it("with a code of the system means what it means on Node", () => {
    const cause = Object.assign(named("ConnectionRefused", "Connection refused (os error 111)"), {
      code: "ECONNREFUSED"
    })
    assert.strictEqual(connectError(cause, "tcp", "a.test:80").reason, "Refused")
  })

  it("about TLS is told in OpenSSL's words and its own", () => {
    const cause = Object.assign(new Error("received fatal alert: NoApplicationProtocol"), {
      code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
    })
    const error = connectError(cause, "tls", "a.test:443")
    assert.strictEqual(error.reason, "TlsHandshakeFailed")
    assert.strictEqual(
      error.detail,
      "the TLS handshake failed: tlsv1 alert no application protocol (received fatal alert: NoApplicationProtocol)"
    )
  })
})
