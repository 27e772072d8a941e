import { describe, expect, it } from "@effect/vitest"
import { defaultHttp1Limits, type Http1Limits, type RequestHead } from "@weir/http1"
import { type Heard, openSession, Recorder, request } from "./Recorder.ts"

/** What is heard of one exchange after the other on one connection; each answer comes in one read. */
const exchange = (
  answers: ReadonlyArray<readonly [answer: string, fields?: Partial<RequestHead>]>,
  limits: Http1Limits = defaultHttp1Limits
): ReadonlyArray<ReadonlyArray<Heard>> => {
  const { connection, session } = openSession(limits)
  return answers.map(([answer, fields = {}]) => {
    const recorder = new Recorder()
    session.start(request(fields), recorder)
    connection.send(answer)
    return recorder.heard
  })
}

/** Often enough for a head to be learned and then known. */
const timesOver = 5

describe("A response head that was read before", () => {
  const samples: ReadonlyArray<readonly [string, string]> = [
    ["a body of known length", "HTTP/1.1 200 OK\r\nX-Known: sized\r\nContent-Length: 2\r\n\r\nhi"],
    ["no body", "HTTP/1.1 204 No Content\r\nX-Known: none\r\n\r\n"],
    ["chunks and trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-After: a\r\n\r\n"],
    ["hints", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=7, max=900\r\nContent-Length: 0\r\n\r\n"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"]
  ]
  for (const [what, answer] of samples) {
    it(`means the same again, with ${what}`, () => {
      const heard = exchange(Array.from({ length: timesOver }, () => [answer] as const))
      for (const again of heard) expect(again).toEqual(heard[0])
    })
  }

  it("closes the connection again where it says so", () => {
    const open = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n"
    // Learned from connections that had the same length of head before: `Claze` says nothing.
    const said = Array.from({ length: timesOver }, () =>
      exchange([[open.replace("Close", "Claze")], [open]])[1]?.at(-1)
    )
    for (const last of said) expect(last).toEqual({ complete: "response-close", trailers: [] })
  })

  it("is read anew where one octet is another", () => {
    const answer = "HTTP/1.1 200 OK\r\nX-One: a\r\nContent-Length: 1\r\n\r\na"
    const known = Array.from({ length: timesOver }, () => [answer] as const)
    const line = (heard: ReadonlyArray<Heard> | undefined) => heard?.[0]
    expect(line(exchange([...known, [answer.replace("200", "404")]]).at(-1))).toMatchObject({
      head: { line: "1.1 404 OK" }
    })
    expect(line(exchange([...known, [answer.replace("X-One: a", "X-One:\x00a")]]).at(-1))).toMatchObject({
      failure: "MalformedResponse response-started"
    })
  })

  it("has no body for HEAD, though it had one for GET", () => {
    const head = "HTTP/1.1 200 OK\r\nX-Method: any\r\nContent-Length: 2\r\n\r\n"
    const known = Array.from({ length: timesOver }, () => [`${head}hi`] as const)
    const heard = exchange([...known, [head, { method: "HEAD" }], [`${head}hi`]])
    expect(heard.at(-2)?.at(-1)).toEqual({ complete: "reusable", trailers: [] })
    expect(heard.at(-1)).toEqual(heard[0])
  })

  it("is refused by limits that are stricter than those it has passed by", () => {
    const many = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n"
    const few = "HTTP/1.1 200 OK\r\nA: 1 B: 2 \r\nContent-Length: 0\r\n\r\n"
    expect(few.length).toBe(many.length)
    exchange(Array.from({ length: timesOver }, () => [many] as const))
    const strict = exchange([[few], [many]], { ...defaultHttp1Limits, headerCountMax: 2 })
    expect(strict.at(-1)?.at(-1)).toMatchObject({ failure: "LimitExceeded response-started" })
  })
})
