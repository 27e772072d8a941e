/**
 * The scalar values Istio's resources are made of, with the bounds Istio's own validation puts on them.
 */
import { isIP } from "node:net"
import { Schema } from "effect"
import { supportedWhen } from "./Support.ts"

const integer = (maximum: number, minimum = 0) => {
  const message = `expected an integer from ${minimum} to ${maximum}`
  return Schema.Number.annotate({ message }).check(
    Schema.makeFilter((value) => (Number.isInteger(value) && value >= minimum && value <= maximum) || message)
  )
}

/** protobuf `int32`, which Istio refuses below zero. */
export const Int32 = integer(2 ** 31 - 1)

/** protobuf `uint32`. */
export const UInt32 = integer(2 ** 32 - 1)

export const Port = integer(65_535, 1)

const text = (message: string, isValid: (value: string) => boolean) =>
  Schema.String.annotate({ message }).check(Schema.makeFilter((value) => isValid(value) || message))

export const NonEmptyString = text("expected a string that is not empty", (value) => value.length > 0)

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/i
/** Istio allows one wildcard, at the start: `*`, `*.example.com`, `*-api.example.com`. */
const wildcardLabel = /^(?:\*|\*-[-a-z0-9]*[a-z0-9]|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)$/i

const isDomain = (value: string, first: RegExp): boolean => {
  const labels = (value.endsWith(".") ? value.slice(0, -1) : value).split(".")
  const isNumericTop = labels.length > 1 && /^\d+$/.test(labels.at(-1) ?? "")
  return value.length <= 255 && !isNumericTop && labels.every((part, index) => (index === 0 ? first : label).test(part))
}

export const DnsLabel = text("expected a DNS label: letters, digits and -, at most 63", (value) => label.test(value))

/** A domain name, or one with a wildcard for its first label. */
export const HostName = text("expected a host name, such as reviews or *.example.com", (value) =>
  isDomain(value, wildcardLabel)
)

/** What a VirtualService may be reached under. */
export const HostNameOrIp = text(
  "expected a host name, such as reviews or *.example.com, or an IP address",
  (value) => isIP(value) !== 0 || isDomain(value, wildcardLabel)
)

export const isDomainName = (value: string): boolean => isDomain(value, label)

export const Labels = Schema.Record(Schema.String, Schema.String)

/** Visibility between namespaces; a gateway that reads a folder sees all of it. */
export const ExportTo = Schema.Array(Schema.String).annotate(
  supportedWhen((value) =>
    Array.isArray(value) && value.every((scope) => scope === "*")
      ? undefined
      : 'visibility per namespace is not kept; only "*" is'
  )
)
