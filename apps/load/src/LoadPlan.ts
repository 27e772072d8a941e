/**
 * From options to what the callers need. Pure: everything that can be wrong with the options is found here, before
 * anything is dialled.
 */
import type { RequestHead } from "@weir/http1"
import { Target } from "@weir/transport"
import { Duration, Result } from "effect"
import { LoadError } from "./LoadError.ts"
import { defaults, type LoadOptions } from "./LoadOptions.ts"
import { type Pacing, planPacing } from "./Pacing.ts"

export interface LoadPlan {
  /** As given, with its scheme. */
  readonly url: string
  readonly target: Target.Target
  /** The same for every call. */
  readonly head: RequestHead
  /** One for each caller. */
  readonly pacings: ReadonlyArray<Pacing>
  readonly timeoutMillis: number
  /** Absent: by duration. */
  readonly requestCount: number | undefined
  readonly durationMillis: number
  /** What will run, in one line. */
  readonly description: string
}

export const planLoad = (options: LoadOptions): Result.Result<LoadPlan, LoadError> =>
  Result.gen(function* () {
    const concurrency = options.concurrency ?? defaults.concurrency
    const qps = options.qps ?? defaults.qps
    const durationMillis = Duration.toMillis(options.duration ?? defaults.durationMillis)
    const timeoutMillis = Duration.toMillis(options.timeout ?? defaults.timeoutMillis)
    const requestCount = options.requestCount
    yield* check(
      isCount(concurrency) && concurrency <= 65_535,
      `concurrency is ${concurrency}: give 1 to 65535 callers`
    )
    yield* check(
      requestCount === undefined || isCount(requestCount),
      `the number of calls is ${requestCount}: give a whole number from 1, or none to run by duration`
    )
    yield* check(durationMillis > 0, `the duration is ${durationMillis} ms: give one above 0`)
    yield* check(timeoutMillis > 0, `the timeout is ${timeoutMillis} ms: give one above 0`)
    yield* check(
      qps === "max" || (qps > 0 && qps < Number.POSITIVE_INFINITY),
      `the rate is ${qps} calls per second: give one above 0, or "max"`
    )
    const url = yield* parseUrl(options.url)
    const pacings = planPacing({ concurrency, requestCount, durationNanos: durationMillis * 1e6, qps })
    const callerCount = pacings.length
    const callers = `${callerCount} caller(s)${callerCount < concurrency ? ` (not ${concurrency}: too few calls)` : ""}`
    const duration =
      durationMillis === Number.POSITIVE_INFINITY ? "until interrupted" : `for ${durationMillis / 1000} s`
    const extent = requestCount === undefined ? duration : `for exactly ${requestCount} calls`
    return {
      url: url.href,
      target: toTarget(url, options.verification ?? "full"),
      head: toHead(url, options),
      pacings,
      timeoutMillis,
      requestCount,
      durationMillis,
      description: `Starting at ${qps} qps with ${callers} ${extent}: ${url.href}`
    }
  })

const invalid = (detail: string): LoadError => new LoadError({ reason: "InvalidOption", detail })

const check = (isRight: boolean, detail: string): Result.Result<void, LoadError> =>
  isRight ? Result.void : Result.fail(invalid(detail))

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value > 0

const parseUrl = (text: string): Result.Result<URL, LoadError> => {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`)
  if (url === null || url.hostname === "") {
    return Result.fail(invalid(`"${text}" is no URL: give http://host:port/path`))
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Result.fail(invalid(`"${text}" has the scheme ${url.protocol} where http: or https: is needed`))
  }
  if (url.username !== "" || url.password !== "") {
    return Result.fail(invalid("the URL holds a user name or a password: give an Authorization header instead"))
  }
  return Result.succeed(url)
}

const toTarget = (url: URL, verification: "full" | "unverified"): Target.Target => {
  const isTls = url.protocol === "https:"
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1")
  const address = Target.tcp(host, url.port === "" ? (isTls ? 443 : 80) : Number(url.port))
  return isTls ? { address, tls: { alpn: ["http/1.1"], verification } } : { address }
}

const toHead = (url: URL, options: LoadOptions): RequestHead => {
  const given = options.headers ?? []
  const headers: Array<string> = []
  if (!given.some(([name]) => name.toLowerCase() === "host")) headers.push("Host", url.host)
  if (!given.some(([name]) => name.toLowerCase() === "user-agent")) headers.push("User-Agent", "weir-load")
  for (const [name, value] of given) headers.push(name, value)
  return {
    method: options.method ?? (options.payload === undefined ? "GET" : "POST"),
    target: `${url.pathname}${url.search}`,
    headers,
    body:
      options.payload === undefined
        ? { _tag: "empty" }
        : { _tag: "bytes", bytes: new TextEncoder().encode(options.payload) }
  }
}
