import { Buffer } from "node:buffer"
import { describe, expect, it } from "@effect/vitest"
import { defaultHttp1Limits } from "@weir/http1"
import { ResponseParser, type ResponseSink } from "../src/ResponseParser.ts"

/** A parser, and the names of the calls it makes; `react` runs inside each. */
const open = (react: (parser: ResponseParser, call: keyof ResponseSink) => void = () => {}) => {
  const calls: Array<keyof ResponseSink> = []
  const note = (call: keyof ResponseSink) => () => {
    calls.push(call)
    react(parser, call)
  }
  const parser = new ResponseParser(
    {
      onInterimHead: note("onInterimHead"),
      onFinalHead: note("onFinalHead"),
      onBodyBytes: note("onBodyBytes"),
      onMessageEnd: note("onMessageEnd"),
      onSwitch: note("onSwitch"),
      onFault: note("onFault")
    },
    defaultHttp1Limits
  )
  const feed = (text: string) => parser.feed(Buffer.from(text, "latin1"))
  return { parser, feed, calls }
}

const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

describe("The parser", () => {
  const samples: ReadonlyArray<readonly [keyof ResponseSink, string]> = [
    ["onInterimHead", `HTTP/1.1 103 Early Hints\r\n\r\n${empty}`],
    ["onFinalHead", empty],
    ["onFinalHead", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
    ["onBodyBytes", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
    ["onBodyBytes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\nbad"]
  ]
  for (const [call, text] of samples) {
    it(`tells nothing more once it was stopped in ${call}: ${JSON.stringify(text)}`, () => {
      const { calls, feed, parser } = open((one, heard) => {
        if (heard === call) one.stop()
      })
      parser.begin("GET", false)
      feed(text)
      expect(calls.indexOf(call)).toBe(calls.length - 1)
    })
  }

  it("reads nothing before it begins, nor after the end of a message", () => {
    const { calls, feed, parser } = open()
    feed(empty)
    parser.begin("GET", false)
    feed(`${empty}${empty}`)
    feed(empty)
    expect(calls).toEqual(["onFinalHead", "onMessageEnd"])
  })

  it("does not take what follows a message for the next one's answer, even if that is begun in the last call", () => {
    const { calls, feed, parser } = open((one, call) => {
      if (call === "onMessageEnd") one.begin("GET", false)
    })
    parser.begin("GET", false)
    feed(`${empty}${empty}`)
    expect(calls).toEqual(["onFinalHead", "onMessageEnd"])
    expect(parser.hasStarted).toBe(false)
  })

  it("forgets a head that it was stopped in", () => {
    const { calls, feed, parser } = open()
    parser.begin("GET", false)
    feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")
    parser.stop()
    parser.begin("GET", false)
    feed("HTTP/1.1 200 OK\r\n")
    feed("Content-Length: 0\r\n\r\n")
    expect(calls).toEqual(["onFinalHead", "onMessageEnd"])
  })

  it("forgets a close of the message before", () => {
    const { feed, parser } = open()
    parser.begin("GET", false)
    feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    expect(parser.framing.isPersistent).toBe(false)
    parser.begin("GET", false)
    feed(empty)
    expect(parser.framing.isPersistent).toBe(true)
  })

  it("takes an empty read for nothing", () => {
    const { parser } = open()
    parser.begin("GET", false)
    parser.feed(new Uint8Array(0))
    expect(parser.hasStarted).toBe(false)
  })

  it("does not keep the memory it was lent", () => {
    const { calls, parser } = open()
    const chunk = Buffer.from("HTTP/1.1 200 OK\r\nContent-Le", "latin1")
    parser.begin("GET", false)
    parser.feed(chunk)
    chunk.fill(0)
    parser.feed(Buffer.from("ngth: 0\r\n\r\n", "latin1"))
    expect(calls).toEqual(["onFinalHead", "onMessageEnd"])
  })
})
