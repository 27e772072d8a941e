/**
 * A resolver that asks name servers for A and AAAA records, and so learns how long their answer holds.
 *
 * It asks by the name as it stands: /etc/hosts, search domains and mDNS do not count, and nothing sorts the addresses. Those
 * of IPv6 come first (RFC 8305 section 4); a name that has only one family is asked for both all the same.
 */
import dns, { type RecordWithTtl } from "node:dns"
import { type Lookup, lookupFailed, type Resolution, type TransportError } from "@weir/transport"
import { Duration, Effect } from "effect"

/** Which name servers are asked, how often, and how long each is waited for. */
export interface RecordLookupOptions {
  /** IP addresses of name servers, each with `:port` where that is not 53. Default: the system's (/etc/resolv.conf). */
  readonly servers?: ReadonlyArray<string>
  /** How long one name server is waited for, the first time. Default: c-ares's, 2 seconds or what resolv.conf says. */
  readonly timeoutMillis?: number
  /** How often each is asked. Default: c-ares's, 3. */
  readonly tryCount?: number
}

/**
 * A name that does not exist, or has no such record, has no address. Deno tells every failure that way, also that of a
 * name server (SERVFAIL), so that stale answers are not used there.
 */
export const recordLookup = (options: RecordLookupOptions = {}): Lookup => {
  const { servers, timeoutMillis, tryCount } = options
  return (host) =>
    Effect.callback<Resolution, TransportError>((resume) => {
      const resolver = new dns.Resolver({
        ...(timeoutMillis === undefined ? {} : { timeout: timeoutMillis }),
        ...(tryCount === undefined ? {} : { tries: tryCount })
      })
      const answers: Array<Family | TransportError> = []
      const onAnswer = (error: NodeJS.ErrnoException | null, records: ReadonlyArray<RecordWithTtl>): void => {
        if (error === null) answers.push(records)
        else answers.push(noRecordCodes.has(error.code ?? "") ? [] : lookupFailed(host, error))
        if (answers.length === 2) resume(join(answers))
      }
      try {
        if (servers !== undefined) resolver.setServers(servers)
        resolver.resolve6(host, { ttl: true }, onAnswer)
        resolver.resolve4(host, { ttl: true }, onAnswer)
      } catch (cause) {
        resume(Effect.fail(lookupFailed(host, cause)))
      }
      return Effect.sync(() => resolver.cancel())
    })
}

type Family = ReadonlyArray<RecordWithTtl>

/** NXDOMAIN, and a name without records of the type. */
const noRecordCodes: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"])

/** One family is enough to connect by; that there is no address, both have to say. */
const join = (answers: ReadonlyArray<Family | TransportError>): Effect.Effect<Resolution, TransportError> => {
  const records = answers.flatMap((answer) => ("reason" in answer ? [] : answer))
  const failure = answers.find((answer) => "reason" in answer)
  if (records.length === 0 && failure !== undefined) return Effect.fail(failure)
  const addresses = records
    .map(({ address }) => address)
    .sort((a, b) => Number(b.includes(":")) - Number(a.includes(":")))
  if (records.length === 0) return Effect.succeed({ addresses })
  return Effect.succeed({ addresses, timeToLive: Duration.seconds(Math.min(...records.map(({ ttl }) => ttl))) })
}
