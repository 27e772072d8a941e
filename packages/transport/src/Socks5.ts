/**
 * A tunnel through a SOCKS5 proxy: RFC 1928, and RFC 1929 for a user name and password.
 */
import { Redacted, Result } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import type { ProxyCredentials, Socks5Proxy } from "./ProxyServer.ts"
import type { TcpAddress } from "./Target.ts"
import { append, failed, type TunnelFailure, type TunnelHandshake, type TunnelStep } from "./TunnelHandshake.ts"

/** The handshake, or why none can be made. `target` is told as it is: an IP address as one, a name as a name. */
export const socks5 = ({ credentials }: Socks5Proxy, target: TcpAddress): TunnelHandshake | TunnelFailure => {
  const request = requestOf(target)
  if (request === undefined) {
    return { kind: "unsupported", detail: "the host is longer than the 255 bytes that SOCKS5 can tell" }
  }
  if (credentials === undefined) return new Socks5(undefined, request)
  const authentication = authenticationOf(credentials)
  if (authentication === undefined) {
    return { kind: "unsupported", detail: "the proxy's user name is not 1 to 255 bytes long, or its password too long" }
  }
  return new Socks5(authentication, request)
}

const version = 5
const noAuthentication = 0
const userNamePassword = 2

/** RFC 1928 section 6. */
const replies: ReadonlyMap<number, string> = new Map([
  [1, "the proxy failed"],
  [2, "the proxy's rules do not allow it"],
  [3, "the proxy has no route to the network"],
  [4, "the proxy has no route to the host, or cannot resolve its name"],
  [5, "nothing accepts connections at this address"],
  [6, "the proxy got no answer in time"],
  [7, "the proxy knows no CONNECT"],
  [8, "the proxy does not speak the address's family"]
])

type State = "method" | "authentication" | "reply"

class Socks5 implements TunnelHandshake {
  readonly greeting: Uint8Array
  readonly #authentication: Uint8Array | undefined
  readonly #request: Uint8Array
  #state: State = "method"
  #kept: Uint8Array = new Uint8Array(0)

  constructor(authentication: Uint8Array | undefined, request: Uint8Array) {
    this.#authentication = authentication
    this.#request = request
    this.greeting = Uint8Array.from(
      authentication === undefined ? [version, 1, noAuthentication] : [version, 2, noAuthentication, userNamePassword]
    )
  }

  receive(chunk: Uint8Array): TunnelStep {
    this.#kept = append(this.#kept, chunk)
    const expected = this.#state === "authentication" ? 1 : version
    if (this.#kept.length > 0 && this.#kept[0] !== expected) {
      return failed("malformed", "the proxy did not answer in SOCKS5: is it a SOCKS5 proxy?")
    }
    if (this.#kept.length < 2) return { _tag: "More" }
    const code = this.#kept[1] ?? 0
    if (this.#state === "method") return this.#onMethod(code)
    return this.#state === "authentication" ? this.#onAuthenticated(code) : this.#onReply(code)
  }

  #onMethod(method: number): TunnelStep {
    if (method === noAuthentication) return this.#send("reply", this.#request)
    if (method === userNamePassword && this.#authentication !== undefined) {
      return this.#send("authentication", this.#authentication)
    }
    if (method !== 0xff) return failed("malformed", `the proxy chose the method ${method}, which was not offered`)
    return failed(
      "refused",
      this.#authentication === undefined
        ? "the proxy asks for credentials, and the proxy's settings have none"
        : "the proxy accepts neither no authentication nor a user name and password"
    )
  }

  #onAuthenticated(status: number): TunnelStep {
    if (status === 0) return this.#send("reply", this.#request)
    return failed("refused", "the proxy does not accept the user name and password")
  }

  #onReply(code: number): TunnelStep {
    if (code !== 0) return failed("refused", replies.get(code) ?? `the proxy refused with code ${code}`, code)
    const [, , , type, nameByteCount] = this.#kept
    if (type === undefined) return { _tag: "More" }
    // The address that the proxy connects from, which tells us nothing.
    const addressByteCount = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + (nameByteCount ?? 255) : undefined
    if (addressByteCount === undefined) return failed("malformed", `the proxy answered with an address of type ${type}`)
    const byteCount = 4 + addressByteCount + 2
    return this.#kept.length < byteCount ? { _tag: "More" } : { _tag: "Open", rest: this.#kept.subarray(byteCount) }
  }

  /** The two bytes that were understood are the whole of an answer, and nothing may follow before we have spoken. */
  #send(state: State, bytes: Uint8Array): TunnelStep {
    if (this.#kept.length > 2) return failed("malformed", "the proxy said more than it was asked")
    this.#kept = new Uint8Array(0)
    this.#state = state
    return { _tag: "More", send: bytes }
  }
}

const requestOf = ({ host, port }: TcpAddress): Uint8Array | undefined => {
  const address = addressOf(host)
  return address === undefined ? undefined : Uint8Array.from([version, 1, 0, ...address, port >> 8, port & 0xff])
}

const addressOf = (host: string): ReadonlyArray<number> | undefined => {
  const ip = NetAddress.ipFromString(host)
  if (Result.isSuccess(ip)) {
    return NetAddress.isIpv4Address(ip.success)
      ? [1, ...NetAddress.ipv4ToOctets(ip.success)]
      : [4, ...NetAddress.ipv6ToOctets(ip.success)]
  }
  const name = new TextEncoder().encode(host)
  return name.length > 255 ? undefined : [3, name.length, ...name]
}

const authenticationOf = ({ password, username }: ProxyCredentials): Uint8Array | undefined => {
  const name = new TextEncoder().encode(username)
  const secret = new TextEncoder().encode(Redacted.value(password))
  if (name.length === 0 || name.length > 255 || secret.length > 255) return undefined
  return Uint8Array.from([1, name.length, ...name, secret.length, ...secret])
}
