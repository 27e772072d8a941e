/**
 * The handshake with a SOCKS5 proxy, byte by byte.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Socks5Proxy, socks5, Target, type TunnelHandshake, type TunnelStep } from "@weir/transport"
import { Redacted } from "effect"

const proxy: Socks5Proxy = { _tag: "Socks5", address: Target.tcp("proxy.test", 1080), namesAreResolvedBy: "proxy" }
const known: Socks5Proxy = { ...proxy, credentials: { username: "ann", password: Redacted.make("secret") } }
const target = Target.tcp("a.test", 443)

const begin = (of: Socks5Proxy = proxy, to = target): TunnelHandshake => {
  const handshake = socks5(of, to)
  if ("kind" in handshake) throw new Error(handshake.detail)
  return handshake
}

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex")
const say = (handshake: TunnelHandshake, ...octets: ReadonlyArray<number>): TunnelStep =>
  handshake.receive(Uint8Array.from(octets))
const sentAfter = (step: TunnelStep): string => (step._tag === "More" ? hex(step.send) : step._tag)
const failureOf = (step: TunnelStep) => (step._tag === "Failed" ? step.failure : undefined)

describe("what is said", () => {
  it("offers no authentication, and a user name only where there is one", () => {
    assert.strictEqual(hex(begin().greeting), "050100")
    assert.strictEqual(hex(begin(known).greeting), "05020002")
  })

  it("names the target as it is: by name, by IPv4 and by IPv6", () => {
    const name = `03${"06"}${Buffer.from("a.test").toString("hex")}`
    assert.strictEqual(sentAfter(say(begin(), 5, 0)), `050100${name}01bb`)
    assert.strictEqual(sentAfter(say(begin(proxy, Target.tcp("10.1.2.3", 80)), 5, 0)), "050100010a0102030050")
    const ipv6 = sentAfter(say(begin(proxy, Target.tcp("2001:db8::1", 80)), 5, 0))
    assert.strictEqual(ipv6, "0501000420010db80000000000000000000000010050")
  })

  it("gives user name and password when the proxy asks for them", () => {
    const handshake = begin(known)
    const credentials = `0103${Buffer.from("ann").toString("hex")}06${Buffer.from("secret").toString("hex")}`
    assert.strictEqual(sentAfter(say(handshake, 5, 2)), credentials)
    assert.match(sentAfter(say(handshake, 1, 0)), /^05010003/)
  })

  it.each([
    ["a name of 256 bytes", proxy, Target.tcp("x".repeat(256), 80)],
    ["an empty user name", { ...known, credentials: { username: "", password: Redacted.make("x") } }, target],
    [
      "a user name of 256 bytes",
      { ...known, credentials: { username: "é".repeat(128), password: Redacted.make("") } },
      target
    ],
    [
      "a password of 256 bytes",
      { ...known, credentials: { username: "x", password: Redacted.make("x".repeat(256)) } },
      target
    ]
  ] as const)("is not begun with %s", (_, of, to) => {
    assert.propertyVal(socks5(of, to), "kind", "unsupported")
  })
})

describe("the answer", () => {
  const addresses: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
    ["an IPv4 address", [1, 127, 0, 0, 1]],
    ["an IPv6 address", [4, ...new Uint8Array(16)]],
    ["a name", [3, 2, 0x61, 0x62]],
    ["an empty name", [3, 0]]
  ]
  it.each(addresses)("opens the tunnel, in however many pieces it comes, with %s", (_, address) => {
    const answer = [5, 0, 0, ...address, 0, 80]
    const handshake = begin()
    say(handshake, 5, 0)
    for (const octet of answer.slice(0, -1)) assert.strictEqual(sentAfter(say(handshake, octet)), "")
    assert.strictEqual(say(handshake, 80)._tag, "Open")
  })

  it("leaves what follows it to the tunnel", () => {
    const handshake = begin()
    say(handshake, 5, 0)
    const step = say(handshake, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80, 0x68, 0x69)
    assert.strictEqual(step._tag === "Open" ? hex(step.rest) : step._tag, "6869")
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 99])("refuses with the code %i", (code) => {
    const handshake = begin()
    say(handshake, 5, 0)
    const failure = failureOf(say(handshake, 5, code))
    assert.strictEqual(failure?.kind, "refused")
    assert.strictEqual(failure?.status, code)
  })

  it("tells credentials that are missing from a method that is missing", () => {
    assert.include(failureOf(say(begin(), 5, 0xff))?.detail ?? "", "have none")
    assert.include(failureOf(say(begin(known), 5, 0xff))?.detail ?? "", "accepts neither")
  })

  it("refuses wrong credentials without repeating them", () => {
    const handshake = begin(known)
    say(handshake, 5, 2)
    const failure = failureOf(say(handshake, 1, 1))
    assert.strictEqual(failure?.kind, "refused")
    assert.notInclude(failure?.detail ?? "", "secret")
  })

  it.each([
    ["another protocol", [0x48]],
    ["SOCKS4", [4, 0]],
    ["a method that was not offered", [5, 2]],
    ["more than was asked", [5, 0, 5]]
  ])("is refused as malformed: %s", (_, octets) => {
    assert.strictEqual(failureOf(say(begin(), ...octets))?.kind, "malformed")
  })

  it("is refused as malformed with an address of no known type, and with another version of the credentials", () => {
    const connecting = begin()
    say(connecting, 5, 0)
    assert.strictEqual(failureOf(say(connecting, 5, 0, 0, 2))?.kind, "malformed")
    const authenticating = begin(known)
    say(authenticating, 5, 2)
    assert.strictEqual(failureOf(say(authenticating, 5, 0))?.kind, "malformed")
  })
})
