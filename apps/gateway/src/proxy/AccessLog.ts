/**
 * One line per request, in the shape of Envoy's default access log.
 */
import { formatFlags, type ResponseFlag } from "./ResponseFlag.ts"

export interface AccessRecord {
  readonly startedAtMillis: number
  readonly method: string
  readonly path: string
  readonly protocol: string
  /** 0: the caller had gone away before an answer began. */
  readonly status: number
  readonly flags: ReadonlySet<ResponseFlag>
  /** Bytes of bodies, without heads and framing. */
  readonly receivedByteCount: number
  readonly sentByteCount: number
  readonly durationMillis: number
  /** From sending to the answer's head; absent when there was none. */
  readonly upstreamMillis: number | undefined
  readonly userAgent: string | undefined
  readonly authority: string | undefined
  /** The endpoint that was asked last. */
  readonly upstream: string | undefined
  readonly cluster: string | undefined
  readonly retryCount: number
}

export const formatAccess = (record: AccessRecord): string =>
  [
    `[${new Date(record.startedAtMillis).toISOString()}]`,
    `"${record.method} ${quotable(record.path)} ${record.protocol}"`,
    record.status,
    formatFlags(record.flags),
    record.receivedByteCount,
    record.sentByteCount,
    Math.round(record.durationMillis),
    record.upstreamMillis === undefined ? "-" : Math.round(record.upstreamMillis),
    `"${quotable(record.userAgent ?? "-")}"`,
    `"${quotable(record.authority ?? "-")}"`,
    `"${record.upstream ?? "-"}"`,
    record.cluster ?? "-",
    `retries=${record.retryCount}`
  ].join(" ")

/** What a caller sent must not forge a line of the log. */
const quotable = (text: string): string => JSON.stringify(text).slice(1, -1)
