/**
 * The handshake with an HTTP proxy, byte by byte.
 */
import { assert, describe, it } from "@effect/vitest"
import { type HttpProxy, httpConnect, Target, type TunnelHandshake, type TunnelStep } from "@weir/transport"
import { Redacted } from "effect"

const proxy: HttpProxy = { _tag: "Http", address: Target.tcp("proxy.test", 3128) }
const known: HttpProxy = { ...proxy, credentials: { username: "ann", password: Redacted.make("s:é") } }
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
const text = (from: Uint8Array) => String.fromCharCode(...from)

const begin = (of: HttpProxy = proxy, target = Target.tcp("a.test", 443)): TunnelHandshake => {
  const handshake = httpConnect(of, target)
  if ("kind" in handshake) throw new Error(handshake.detail)
  return handshake
}

/** What an answer comes to, in one piece and in pieces of one byte, which has to be the same. */
const outcomeOf = (answer: string, of: HttpProxy = proxy): string => {
  const describeStep = (step: TunnelStep): string => {
    if (step._tag === "Open") return `open ${text(step.rest)}`.trim()
    return step._tag === "Failed" ? `${step.failure.kind} ${step.failure.status ?? ""}`.trim() : "more"
  }
  const whole = describeStep(begin(of).receive(bytes(answer)))
  const handshake = begin(of)
  let inPieces: TunnelStep = { _tag: "More" }
  let readCount = 0
  for (; readCount < answer.length && inPieces._tag === "More"; readCount++) {
    inPieces = handshake.receive(bytes(answer[readCount] ?? ""))
  }
  const rest = inPieces._tag === "Open" ? { ...inPieces, rest: bytes(answer.slice(readCount)) } : inPieces
  assert.strictEqual(describeStep(rest), whole)
  return whole
}

describe("the request for a tunnel", () => {
  it("names the target and nothing else", () => {
    assert.strictEqual(text(begin().greeting), "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
  })

  it("writes IPv6 in brackets", () => {
    assert.include(text(begin(proxy, Target.tcp("2001:db8::1", 80)).greeting), "CONNECT [2001:db8::1]:80 HTTP/1.1\r\n")
  })

  it("carries credentials in UTF-8, by the scheme Basic", () => {
    assert.include(text(begin(known).greeting), `\r\nProxy-Authorization: Basic ${btoa("ann:s:Ã©")}\r\n`)
  })

  it.each([
    ["a host with a line break", "a.test\r\nX: y"],
    ["a host with a space", "a test"],
    ["a host with a user", "x@a.test"],
    ["an empty host", ""]
  ])("is not made for %s", (_, host) => {
    assert.propertyVal(httpConnect(proxy, Target.tcp(host, 80)), "kind", "unsupported")
  })

  it.each([
    ["a colon in the user name", "a:n", "x"],
    ["a line break in the user name", "a\n", "x"],
    ["a NUL in the password", "a", "\0"]
  ])("is not made with %s", (_, username, password) => {
    const credentials = { username, password: Redacted.make(password) }
    const refusal = httpConnect({ ...proxy, credentials }, Target.tcp("a.test", 80))
    assert.propertyVal(refusal, "kind", "unsupported")
  })
})

describe("the answer", () => {
  it.each([
    ["HTTP/1.1 200 Connection established\r\n\r\n", "open"],
    ["HTTP/1.0 200 OK\r\n\r\n", "open"],
    ["HTTP/1.1 200\r\n\r\n", "open"],
    ["HTTP/1.1 204 \r\nVia: 1.1 p\r\n\r\n", "open"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "open"]
  ])("opens the tunnel: %j", (answer, outcome) => {
    assert.strictEqual(outcomeOf(answer), outcome)
  })

  it("leaves what follows its head to the tunnel, whatever its framing says", () => {
    assert.strictEqual(outcomeOf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n220 mail"), "open 220 mail")
  })

  it.each([
    ["HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", "refused 407"],
    ["HTTP/1.1 301 Moved\r\nLocation: http://b.test/\r\n\r\n", "refused 301"],
    ["HTTP/1.1 403 Forbidden\r\n\r\nno", "refused 403"],
    ["HTTP/1.1 503 Busy\r\n\r\n", "refused 503"]
  ])("refuses with its status: %j", (answer, outcome) => {
    assert.strictEqual(outcomeOf(answer), outcome)
  })

  it.each([
    ["of another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["of SOCKS", "\x05\x00"],
    ["of HTTP/2", "HTTP/2 200\r\n\r\n"],
    ["with a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["with a status that begins with 0", "HTTP/1.1 020 OK\r\n\r\n"],
    ["with a bare line feed", "HTTP/1.1 200 OK\nX: y\r\n\r\n"],
    ["with a bare carriage return", "HTTP/1.1 200 OK\rX: y\r\n\r\n"],
    ["with a folded line", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n"],
    ["with a space before a colon", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n"],
    ["with a line that is no field", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
    ["with a NUL in a value", "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"]
  ])("is refused as malformed %s", (_, answer) => {
    assert.strictEqual(outcomeOf(answer), "malformed")
  })

  it("is refused where the protocol changes unasked", () => {
    assert.strictEqual(outcomeOf("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), "malformed 101")
  })

  it("is refused beyond 16 KiB, whether its head ends or not, in one head or in many", () => {
    const field = `X: ${"y".repeat(1000)}\r\n`
    assert.strictEqual(outcomeOf(`HTTP/1.1 200 OK\r\n${field.repeat(17)}`), "malformed")
    assert.strictEqual(outcomeOf(`HTTP/1.1 200 OK\r\n${field.repeat(17)}\r\n`), "malformed")
    assert.strictEqual(outcomeOf(`HTTP/1.1 103 Early\r\n${field}\r\n`.repeat(17)), "malformed")
    assert.strictEqual(outcomeOf(`HTTP/1.1 200 OK\r\n${field.repeat(15)}\r\n`), "open")
  })

  it("tells credentials that are missing from credentials that are wrong, and repeats neither", () => {
    const answer = "HTTP/1.1 407 s:é\r\n\r\n"
    const without = begin().receive(bytes(answer))
    const wrong = begin(known).receive(bytes(answer))
    if (without._tag !== "Failed" || wrong._tag !== "Failed") throw new Error("407 did not fail")
    assert.include(without.failure.detail, "have none")
    assert.include(wrong.failure.detail, "does not accept the credentials")
    assert.notInclude(wrong.failure.detail, "s:é")
  })
})
