/**
 * A name server for a suite, on loopback, that knows what it is told: answers to A and AAAA (RFC 1035 section 4).
 */
import { createSocket } from "node:dgram"
import { Effect, type Scope } from "effect"

/** What is known of a name. A name that is not known does not exist. */
export interface Zone {
  readonly [host: string]:
    | { readonly a?: ReadonlyArray<AddressRecord>; readonly aaaa?: ReadonlyArray<AddressRecord> }
    /** The server fails (SERVFAIL), or says nothing. */
    | "failure"
    | "silence"
}

interface AddressRecord {
  /** The bytes of the address. */
  readonly bytes: ReadonlyArray<number>
  readonly ttlSeconds: number
}

const typeA = 1
const typeAaaa = 28
const [noError, serverFailure, nameError] = [0, 2, 3]

/** Gives its address and port, as resolvers are told it. */
export const makeNameServer = (zone: Zone): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createSocket>>((resume) => {
        const opening = createSocket("udp4")
        opening.bind(0, "127.0.0.1", () => resume(Effect.succeed(opening)))
      }),
      (open) => Effect.callback<void>((resume) => void open.close(() => resume(Effect.void)))
    )
    socket.on("message", (query, { address, port }) => {
      const answer = answerTo(query, zone)
      if (answer !== undefined) socket.send(answer, port, address)
    })
    return `127.0.0.1:${socket.address().port}`
  })

const headerByteCount = 12

const answerTo = (query: Buffer, zone: Zone): Buffer | undefined => {
  const labels: Array<string> = []
  let index = headerByteCount
  for (let byteCount = query[index] ?? 0; byteCount > 0; byteCount = query[index] ?? 0) {
    labels.push(query.toString("latin1", index + 1, index + 1 + byteCount))
    index += 1 + byteCount
  }
  const type = query.readUInt16BE(index + 1)
  const known = zone[labels.join(".").toLowerCase()]
  if (known === "silence") return undefined
  const records = known === undefined || known === "failure" ? [] : ((type === typeA ? known.a : known.aaaa) ?? [])
  const header = Buffer.alloc(headerByteCount)
  query.copy(header, 0, 0, 2)
  const status = known === "failure" ? serverFailure : known === undefined ? nameError : noError
  // A response, to a query that wanted recursion, which is available.
  header.writeUInt16BE(0x8180 | status, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  const question = query.subarray(headerByteCount, index + 5)
  return Buffer.concat([
    header,
    question,
    ...records.map((record) => encode(record, type === typeA ? typeA : typeAaaa))
  ])
}

/** The name is a pointer to that of the question. */
const encode = ({ bytes, ttlSeconds }: AddressRecord, type: number): Buffer => {
  const fixed = Buffer.alloc(12)
  fixed.writeUInt16BE(0xc000 | headerByteCount, 0)
  fixed.writeUInt16BE(type, 2)
  fixed.writeUInt16BE(1, 4)
  fixed.writeUInt32BE(ttlSeconds, 6)
  fixed.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([fixed, Buffer.from(bytes)])
}
