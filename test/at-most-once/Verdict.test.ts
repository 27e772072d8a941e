/**
 * That the comparison finds what it is there to find.
 */
import { describe, expect, it } from "@effect/vitest"
import { echoOf, type Sighting } from "./Protocol.ts"
import { judge, type Told } from "./Verdict.ts"

const seen = (fields: Partial<Sighting> = {}): Sighting => ({
  number: 7,
  method: "POST",
  ordinal: 1,
  isComplete: true,
  isIntact: true,
  sentByteCount: 0,
  ...fields
})

const expected = `200 7 ${echoOf(7)}`
const answered = { _tag: "answered", echo: expected } as const
const lost = {
  _tag: "failed",
  reason: "ConnectionLost",
  isOfConnection: true,
  isReused: false,
  progress: "sent",
  retry: "if-idempotent"
} as const

const told = (fields: Partial<Told> = {}): Told => ({
  number: 7,
  what: "POST",
  isRepeatable: false,
  expected,
  outcome: answered,
  retryCount: 0,
  ...fields
})

const found = (one: Told, ...sightings: ReadonlyArray<Sighting>): ReadonlyArray<string> =>
  judge([one], sightings).map(({ promise, text }) => `${promise}: ${text}`)

describe("the comparison of both sides finds", () => {
  it("nothing in a call that went well", () => {
    expect(found(told(), seen())).toEqual([])
  })

  it("nothing in a repeatable call that was sent again, and told so", () => {
    expect(found(told({ isRepeatable: true, retryCount: 1 }), seen({ ordinal: 3 }), seen())).toEqual([])
  })

  it("nothing in a call that failed on a new connection", () => {
    expect(found(told({ isRepeatable: true, outcome: lost }), seen())).toEqual([])
  })

  it("a request that may not be repeated and was seen twice", () => {
    const text = "at most once: POST 7: the server saw it 2 times"
    expect(found(told({ retryCount: 1 }), seen(), seen())).toEqual([text])
    expect(found(told({ outcome: { _tag: "given-up" } }), seen(), seen())).toEqual([text])
  })

  it("a try that the client does not tell of", () => {
    expect(found(told({ isRepeatable: true }), seen(), seen())).toEqual([
      "at most once: POST 7: the server saw it 2 times, and the client told of 0 retries"
    ])
  })

  it("a failure that says nothing was sent, of a request that was", () => {
    expect(found(told({ outcome: { ...lost, progress: "unsent" } }), seen())).toEqual([
      "nothing was sent: POST 7: the server saw it; ConnectionLost"
    ])
    expect(found(told({ outcome: { ...lost, retry: "always" } }), seen())).toHaveLength(1)
  })

  it("a repeatable request lost on a used connection, by the client's book", () => {
    expect(found(told({ isRepeatable: true, outcome: { ...lost, isReused: true } }))).toEqual([
      "no lost request: POST 7: it was not sent again after 0 retries; ConnectionLost"
    ])
  })

  it("a repeatable request lost on a used connection, by the server's book", () => {
    const misled = { ...lost, progress: "response-started" }
    expect(found(told({ isRepeatable: true, outcome: misled }), seen({ ordinal: 2 }))).toHaveLength(1)
    expect(found(told({ isRepeatable: true, outcome: misled }), seen({ ordinal: 2, sentByteCount: 1 }))).toEqual([])
  })

  it("no loss once the last retry has been made", () => {
    expect(found(told({ isRepeatable: true, retryCount: 3, outcome: { ...lost, isReused: true } }))).toEqual([])
  })

  it("an answer to another request", () => {
    const echo = `200 8 ${echoOf(8)}`
    expect(found(told({ outcome: { _tag: "answered", echo } }), seen())).toEqual([
      "no mixed answer: POST 7: it was told 200 8 answer to 8"
    ])
  })

  it("a body that belongs to another request", () => {
    expect(found(told(), seen({ isIntact: false }))).toEqual(["no mixed answer: POST 7: its body was not its own"])
  })

  it("a request that nobody made", () => {
    expect(found(told(), seen(), seen({ number: 9 }))).toEqual([
      "no mixed answer: 1 requests carried a number nobody sent"
    ])
  })

  it("an answer to a request that the server never had whole", () => {
    const text = "no invented answer: POST 7: the server never had it whole"
    expect(found(told())).toEqual([text])
    expect(found(told(), seen({ isComplete: false }))).toEqual([text])
  })

  it("a failure that no end of a connection explains", () => {
    expect(found(told({ outcome: { ...lost, reason: "CallTimeout", isOfConnection: false } }), seen())).toEqual([
      "no other failure: POST 7: CallTimeout"
    ])
  })
})
