/**
 * Istio's VirtualService: which requests go where.
 *
 * Source: istio.io/api networking/v1alpha3 virtual_service.proto; the rules are `ValidateVirtualService`'s.
 */
import { Schema } from "effect"
import { DurationMillis } from "./IstioDuration.ts"
import { resource } from "./Resource.ts"
import { condition, informational, nonEmpty, supportedWhen, unsupported } from "./Support.ts"
import { DnsLabel, ExportTo, HostName, HostNameOrIp, Int32, NonEmptyString, Port } from "./Value.ts"

/** A backtracking engine could be held up by a request made for it, and JavaScript has no other. */
const noRegex = unsupported("regular expressions are not evaluated, since one request could stall all others")

/** With none of its members: the thing is there, whatever its value. */
const StringMatch = Schema.Struct({
  exact: Schema.optionalKey(Schema.String),
  prefix: Schema.optionalKey(Schema.String),
  regex: noRegex,
  ...condition
}).check(
  Schema.makeFilter(
    ({ exact, prefix }) => exact === undefined || prefix === undefined || "expected one of exact and prefix, not both"
  )
)

/** Everywhere but in a path, Istio refuses the prefix that matches everything. */
const NonEmptyStringMatch = StringMatch.check(
  Schema.makeFilter(({ prefix }) => prefix !== "" || { path: ["prefix"], issue: "expected a prefix that is not empty" })
)

const Match = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  /** The path, without the query. */
  uri: Schema.optionalKey(StringMatch),
  ignoreUriCase: Schema.optionalKey(Schema.Boolean),
  method: Schema.optionalKey(NonEmptyStringMatch),
  /** The `Host` field as the client sent it, with its port. */
  authority: Schema.optionalKey(NonEmptyStringMatch),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, NonEmptyStringMatch).check(
      Schema.makeFilter((headers) =>
        Object.keys(headers)
          .filter((name) => !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
          .map((name) => ({ path: [name], issue: "expected the name of a header field" }))
      )
    )
  ),
  scheme: unsupported("the listener speaks plain HTTP only"),
  port: unsupported("there is one listener"),
  sourceLabels: unsupported("the gateway does not know its clients' labels"),
  sourceNamespace: unsupported("the gateway does not know its clients' namespaces"),
  gateways: unsupported("rules are not told apart by gateway"),
  queryParams: unsupported("the query is not looked at"),
  withoutHeaders: unsupported("only the presence of headers is matched, never their absence"),
  /** The name of a statistic. */
  statPrefix: informational,
  ...condition
})

const RouteDestination = Schema.Struct({
  destination: Schema.Struct({
    host: HostName.check(Schema.makeFilter((host) => host !== "*" || 'a request cannot be sent to "*"')),
    subset: Schema.optionalKey(DnsLabel),
    /** May be left out where the host has one port. */
    port: Schema.optionalKey(Schema.Struct({ number: Port }))
  }),
  /** Relative to the other destinations; without meaning where there is one. Default: 0. */
  weight: Schema.optionalKey(Int32),
  headers: unsupported("header fields are not rewritten")
})

/** Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`. */
export const retryConditions = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "envoy-ratelimited",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable"
] as const

export type RetryCondition = (typeof retryConditions)[number]

export const isRetryCondition = (text: string): text is RetryCondition =>
  retryConditions.some((condition) => condition === text)

/**
 * Conditions that would never hold here, and why. (`refused-stream` cannot happen in HTTP/1.1 and is no such: it is
 * kept.)
 */
const unseenConditions: ReadonlyMap<string, string> = new Map([
  ["retriable-headers", "Istio has no field that would name the headers"],
  ["http3-post-connect-failure", "endpoints are not spoken to in HTTP/3"]
])

const whyUnseen = (retryOn: unknown): string | undefined =>
  typeof retryOn !== "string"
    ? undefined
    : splitRetryOn(retryOn)
        .flatMap((part) => {
          const why = unseenConditions.get(part)
          return why === undefined ? [] : [`${part} never holds: ${why}`]
        })
        .at(0)

/** Conditions and status codes, separated by commas. */
export const splitRetryOn = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")

const Retries = Schema.Struct({
  /** Beyond the first try. 0: none, and nothing else may be set. */
  attempts: Schema.optionalKey(Int32),
  /** Default: the timeout of the route. */
  perTryTimeout: Schema.optionalKey(DurationMillis),
  retryOn: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter((text) => {
        const unknown = splitRetryOn(text).filter((part) => !isRetryCondition(part) && !/^[1-5]\d\d$/.test(part))
        return (
          unknown.length === 0 ||
          `not known: ${unknown.join(", ")}; expected status codes and any of ${retryConditions.join(", ")}`
        )
      })
    ).annotate(supportedWhen(whyUnseen))
  ),
  backoff: unsupported("the pause between tries is the gateway's own"),
  retryRemoteLocalities: unsupported("endpoints are not preferred by locality"),
  /** Default: true. */
  retryIgnorePreviousHosts: Schema.optionalKey(
    Schema.Boolean.annotate(
      supportedWhen((value) =>
        value === false ? "a retry goes to an endpoint that was not tried before, where there is one" : undefined
      )
    )
  )
}).check(
  Schema.makeFilter(
    ({ attempts = 0, perTryTimeout, retryOn = "" }) =>
      attempts > 0 ||
      (perTryTimeout === undefined && retryOn === "") || {
        path: ["attempts"],
        issue: "0 and unset switch retries off, so that nothing else may be said about them"
      }
  )
)

const Rewrite = Schema.Struct({
  /** Takes the place of the part of the path that `uri` matched. */
  uri: Schema.optionalKey(
    NonEmptyString.check(Schema.makeFilter((uri) => uri.startsWith("/") || "expected a path that starts with /"))
  ),
  /** Sent as `Host`. */
  authority: Schema.optionalKey(NonEmptyString),
  uriRegexRewrite: noRegex
}).annotate(nonEmpty("expected uri or authority in a rewrite"))

const HttpRoute = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  /** Any of them. None: every request. */
  match: Schema.optionalKey(Schema.Array(Match)),
  route: Schema.optionalKey(
    Schema.Array(RouteDestination).check(
      Schema.makeFilter(
        (route) =>
          route.length < 2 ||
          route.some(({ weight = 0 }) => weight > 0) ||
          "the weights add up to 0; give at least one destination a weight"
      )
    )
  ),
  /** For the whole exchange, retries included. Default: none. */
  timeout: Schema.optionalKey(DurationMillis),
  retries: Schema.optionalKey(Retries),
  rewrite: Schema.optionalKey(Rewrite),
  redirect: unsupported("requests are not redirected"),
  directResponse: unsupported("requests are not answered by the gateway itself"),
  delegate: unsupported("routes are not delegated; put them here"),
  fault: unsupported("no faults are injected"),
  mirror: unsupported("requests are not mirrored"),
  mirrors: unsupported("requests are not mirrored"),
  mirrorPercent: unsupported("requests are not mirrored"),
  mirrorPercentage: unsupported("requests are not mirrored"),
  corsPolicy: unsupported("CORS is left to the service"),
  headers: unsupported("header fields are not rewritten")
}).check(
  Schema.makeFilter(({ route = [] }) => route.length > 0 || { path: ["route"], issue: "expected a destination" })
)

const Spec = Schema.Struct({
  hosts: Schema.Array(HostNameOrIp).check(
    Schema.makeFilter((hosts) => hosts.length > 0 || "expected at least one host")
  ),
  /** The rules apply to this gateway whichever they name. */
  gateways: informational,
  http: Schema.optionalKey(Schema.Array(HttpRoute)),
  tcp: unsupported("only HTTP is routed"),
  tls: unsupported("only HTTP is routed"),
  exportTo: Schema.optionalKey(ExportTo)
})

export const VirtualService = resource(Spec)

export type VirtualServiceSpec = typeof Spec.Type
export type HttpRouteSpec = typeof HttpRoute.Type
export type MatchSpec = typeof Match.Type
export type StringMatchSpec = typeof StringMatch.Type
