/**
 * The proxies that a process's environment names, as Go's `golang.org/x/net/http/httpproxy` and curl read it.
 *
 * | variable | for |
 * |---|---|
 * | `http_proxy`, `HTTP_PROXY` | `http:` origins |
 * | `https_proxy`, `HTTPS_PROXY` | `https:` origins |
 * | `all_proxy`, `ALL_PROXY` | both, where their own is not set |
 * | `no_proxy`, `NO_PROXY` | origins that are reached directly |
 *
 * The lower-case name comes first (curl), and an empty value is none. Where `REQUEST_METHOD` is set, the process is a CGI
 * program, whose `HTTP_PROXY` is what a client sent in its field `Proxy`: it is not read (CVE-2016-5385).
 *
 * `NO_PROXY` is a list with commas. `a.test` stands for that host and all below it, `.a.test` and `*.a.test` for those below it,
 * `10.0.0.1` and `::1` for an address, `10.0.0.0/8` for a network, `*` for everything; a port (`a.test:8080`, `[::1]:80`) limits an
 * entry to it. An entry that is none of these matches nothing. `localhost`, names below it and loopback addresses are never
 * proxied, whatever the variables say.
 */
import type { ProxyServer } from "@weir/transport"
import { Config, Effect, Option, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

/** The proxy of an origin. */
export type EnvironmentProxies = (isSecure: boolean, host: string, port: number) => ProxyServer | "direct"

export type Environment = Readonly<Record<string, string | undefined>>

const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]

/** The variables above, from Effect's `ConfigProvider`, which is the process's environment unless another is provided. */
export const readEnvironment: Effect.Effect<Environment, Config.ConfigError> = Effect.map(
  Effect.forEach([...names, ...names.map((name) => name.toLowerCase()), "REQUEST_METHOD"], (name) =>
    Effect.map(Config.option(Config.String(name)), (value) => [name, Option.getOrUndefined(value)] as const)
  ),
  Object.fromEntries
)

/** Decides by an environment, once and for all; or says which variable cannot be used and why, a line for each. */
export const environmentProxies = (
  environment: Environment,
  parseProxy: (text: string) => ProxyServer | string
): EnvironmentProxies | ReadonlyArray<string> => {
  const read = (name: string, isUpperRead = true): string => {
    const lower = environment[name.toLowerCase()]?.trim() ?? ""
    return lower === "" && isUpperRead ? (environment[name]?.trim() ?? "") : lower
  }
  const isCgi = (environment["REQUEST_METHOD"] ?? "") !== ""
  const problems: Array<string> = []
  const proxyOf = (name: string, isUpperRead = true): ProxyServer | undefined => {
    const text = read(name, isUpperRead)
    if (text === "") return undefined
    const proxy = parseProxy(text)
    if (typeof proxy !== "string") return proxy
    problems.push(`${name}: ${proxy}`)
    return undefined
  }
  const all = proxyOf("ALL_PROXY")
  const plain = proxyOf("HTTP_PROXY", !isCgi) ?? all
  const secure = proxyOf("HTTPS_PROXY") ?? all
  if (problems.length > 0) return problems
  const exceptions = read("NO_PROXY").split(",").map(toException)
  return (isSecure, host, port) => {
    const proxy = isSecure ? secure : plain
    if (proxy === undefined) return "direct"
    const origin = { name: plainName(host), address: addressOf(host), port }
    return isLocal(origin) || exceptions.some((matches) => matches(origin)) ? "direct" : proxy
  }
}

interface Origin {
  readonly name: string
  readonly address: NetAddress.IpAddress | undefined
  readonly port: number
}

const isLocal = ({ address, name }: Origin): boolean =>
  address === undefined ? name === "localhost" || name.endsWith(".localhost") : NetAddress.isLoopback(address)

/** Whether an origin is meant by an entry of NO_PROXY. */
const toException = (text: string): ((origin: Origin) => boolean) => {
  const entry = text.trim()
  if (entry === "*") return () => true
  if (entry.includes("/")) return toNetworkException(entry)
  const [, host = entry, port] = /^(\[[^\]]*\]|[^:]*):([0-9]+)$/.exec(entry) ?? []
  const isPort = (origin: Origin): boolean => port === undefined || origin.port === Number(port)
  const address = addressOf(host.replace(/^\[|\]$/g, ""))
  if (address !== undefined) {
    const text = NetAddress.formatIp(address)
    return (origin) => origin.address !== undefined && NetAddress.formatIp(origin.address) === text && isPort(origin)
  }
  const name = plainName(host).replace(/^\*\./, ".")
  if (name === "") return () => false
  const suffix = name.startsWith(".") ? name : `.${name}`
  return (origin) =>
    origin.address === undefined && (origin.name === name || origin.name.endsWith(suffix)) && isPort(origin)
}

/** Bits beyond the prefix do not count, as in Go's `ParseCIDR`. */
const toNetworkException = (entry: string): ((origin: Origin) => boolean) => {
  const [ip = "", bits = ""] = entry.split("/")
  const address = addressOf(ip)
  if (address === undefined || !/^[0-9]{1,3}$/.test(bits)) return () => false
  const network = Option.getOrUndefined(Result.getSuccess(IpNetwork.fromAddress(address, Number(bits))))
  if (network === undefined) return () => false
  return (origin) => origin.address !== undefined && IpNetwork.contains(network, origin.address)
}

const addressOf = (text: string): NetAddress.IpAddress | undefined =>
  Option.getOrUndefined(Result.getSuccess(NetAddress.ipFromString(text)))

const plainName = (host: string): string => host.toLowerCase().replace(/\.$/, "")
