/**
 * Checks that an answer is refused, whole and at every split, always with the same words and told once.
 */
import { expect, it } from "@effect/vitest"
import type { AnswerOptions } from "./Recorder.ts"
import { hear, splitsOf } from "./Recorder.ts"

export interface Refusal {
  readonly title: string
  readonly text: string
  readonly options?: AnswerOptions
  readonly detail: string
  /** The reason and how far the exchange had come. Default: malformed, within the head. */
  readonly failure?: string
}

/** An answer's head with these lines. */
export const head = (...lines: ReadonlyArray<string>): string => `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\n\r\n`

/** `0x0d`, as messages write it. */
export const octetAt = (text: string, index: number): string =>
  `0x${text.charCodeAt(index).toString(16).padStart(2, "0")}`

export const itRefuses = ({
  detail,
  failure = "MalformedResponse response-started",
  options,
  text,
  title
}: Refusal): void => {
  it(title, () => {
    const refused = { failure, detail }
    expect(hear([text], options).at(-1)).toEqual(refused)
    for (const pieces of splitsOf(text)) {
      const heard = hear(pieces, options)
      expect(heard.at(-1)).toEqual(refused)
      const endings = heard.filter((event) => event !== "writable" && ("failure" in event || "complete" in event))
      expect(endings).toHaveLength(1)
    }
  })
}
