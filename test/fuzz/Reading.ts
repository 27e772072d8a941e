/**
 * What a reader made of an answer, in a form that two readers can be compared by.
 */
export interface Answer {
  /** Version, status and fields of each 1xx head. */
  readonly interims: ReadonlyArray<string>
  readonly line: string
  readonly headers: ReadonlyArray<string>
  /** Latin-1. */
  readonly body: string
  readonly trailers: ReadonlyArray<string>
}

export type Reading =
  | { readonly _tag: "accepted"; readonly answer: Answer; readonly hasExcess: boolean }
  | { readonly _tag: "refused"; readonly why: string }

/** An answer as one text: alike if, and only if, the answers are. */
export const keyOf = (answer: Answer): string => JSON.stringify(answer)
