import { describe, expect, it } from "@effect/vitest"
import { defaultHttp1Limits, Http1Limits } from "@weir/http1"
import { Schema } from "effect"
import type { AnswerOptions } from "./Recorder.ts"
import { hear, openSession, Recorder, request } from "./Recorder.ts"
import type { Refusal } from "./refuse.ts"
import { head, itRefuses } from "./refuse.ts"

const chunks = (text: string): string => head("Transfer-Encoding: chunked") + text
const limits = (fields: Partial<Http1Limits>): AnswerOptions => ({ limits: { ...defaultHttp1Limits, ...fields } })

const refusals: ReadonlyArray<Refusal> = [
  {
    title: "a head longer than the limit",
    text: head(`A: ${"a".repeat(90)}`),
    options: limits({ headByteCountMax: 100 }),
    detail: "the head is longer than 100 bytes, the limit set by headByteCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "a head that never ends",
    text: `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(20)}`,
    options: limits({ headByteCountMax: 100 }),
    detail: "the head is longer than 100 bytes, the limit set by headByteCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "more fields than the limit",
    text: head("A: 1", "B: 2", "C: 3"),
    options: limits({ headerCountMax: 2 }),
    detail: "the head has more than 2 fields, the limit set by headerCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "more 1xx answers than the limit",
    text: "HTTP/1.1 102 Processing\r\n\r\n".repeat(3),
    options: limits({ informationalCountMax: 2 }),
    detail: "more than 2 1xx answers came before the final one, the limit set by informationalCountMax",
    failure: "LimitExceeded response-started"
  },
  {
    title: "trailers longer than the limit",
    text: chunks(`0\r\nA: ${"a".repeat(60)}\r\n\r\n`),
    options: limits({ trailerByteCountMax: 50 }),
    detail: "the trailer section is longer than 50 bytes, the limit set by trailerByteCountMax",
    failure: "LimitExceeded head-received"
  },
  {
    title: "more trailers than the limit",
    text: chunks("0\r\nA: 1\r\nB: 2\r\n\r\n"),
    options: limits({ trailerCountMax: 1 }),
    detail: "the trailer section has more than 1 fields, the limit set by trailerCountMax",
    failure: "LimitExceeded head-received"
  },
  {
    title: "longer chunk extensions than the limit, over all chunks",
    text: chunks("1;abc\r\nx\r\n1;abcd\r\nx\r\n0\r\n\r\n"),
    options: limits({ chunkExtensionByteCountMax: 8 }),
    detail: "the chunk extensions are longer than 8 bytes, the limit set by chunkExtensionByteCountMax",
    failure: "LimitExceeded head-received"
  }
]

describe("A limit refuses, however the answer is split,", () => {
  for (const refusal of refusals) itRefuses(refusal)
})

describe("The limits", () => {
  it("let pass what reaches them", () => {
    const text = chunks("1;abc\r\nx\r\n0\r\nA: 1\r\n\r\n")
    const exact = { headByteCountMax: head("Transfer-Encoding: chunked").length, headerCountMax: 1, trailerCountMax: 1 }
    const options = limits({ ...exact, trailerByteCountMax: 8, chunkExtensionByteCountMax: 4 })
    expect(hear([text], options).at(-1)).toEqual({ complete: "reusable", trailers: ["A", "1"] })
    expect(hear(text, options).at(-1)).toEqual({ complete: "reusable", trailers: ["A", "1"] })
  })

  it("begin anew with each exchange", () => {
    const text = `HTTP/1.1 102 Processing\r\n\r\n${chunks("1;abc\r\nx\r\n0\r\n\r\n")}`
    const { limits: all } = limits({ informationalCountMax: 1, chunkExtensionByteCountMax: 4 })
    const { connection, session } = openSession(all)
    for (let index = 0; index < 3; index++) {
      const recorder = new Recorder()
      session.start(request(), recorder)
      connection.send(text)
      expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
    }
  })

  it("are Node's own where Node has them, and stay so when one is set", () => {
    const decoded = Schema.decodeUnknownSync(Http1Limits)({ informationalCountMax: 5 })
    expect(decoded).toEqual({
      headByteCountMax: 16_384,
      headerCountMax: 2000,
      informationalCountMax: 5,
      chunkExtensionByteCountMax: 16_384,
      trailerByteCountMax: 16_384,
      trailerCountMax: 2000
    })
  })

  it("are whole numbers from 1", () => {
    for (const value of [0, -1, 1.5, Number.POSITIVE_INFINITY]) {
      expect(() => Schema.decodeUnknownSync(Http1Limits)({ headerCountMax: value })).toThrow("headerCountMax")
    }
  })
})
