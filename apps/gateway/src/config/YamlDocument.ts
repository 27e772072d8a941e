/**
 * YAML text as plain values that still know where they stand.
 *
 * Every problem of the text becomes a finding with its line and column; a document with one is not handed on. Merge
 * keys (`<<`) and aliases are followed, since Kubernetes' own reader follows them.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type YAMLError } from "yaml"
import type { FieldPath, Finding, Place } from "./Finding.ts"

export interface YamlDocument {
  readonly value: unknown
  /** Where the field at `path` is written; for one that is not, where its nearest ancestor is. */
  readonly placeOf: (path: FieldPath) => Place
}

/** Splits a file into its documents; those that hold nothing are left out, and still counted. */
export const readYaml = (
  file: string,
  text: string
): { readonly documents: ReadonlyArray<YamlDocument>; readonly findings: ReadonlyArray<Finding> } => {
  const lineCounter = new LineCounter()
  const documents: Array<YamlDocument> = []
  const findings: Array<Finding> = []
  const parsed = parseAllDocuments(text, { lineCounter, merge: true, prettyErrors: false, stringKeys: true })
  const placeAt = (documentNumber: number, offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { file, documentNumber, line, column: col }
  }
  const fault = (documentNumber: number, offset: number, message: string): Finding => ({
    reason: "YamlSyntax",
    weight: "error",
    place: placeAt(documentNumber, offset),
    path: [],
    message
  })
  // A warning is a tag or a directive that has no meaning: the value would not be what its author wrote.
  const problemsOf = (
    documentNumber: number,
    { errors, warnings }: { readonly errors: ReadonlyArray<YAMLError>; readonly warnings: ReadonlyArray<YAMLError> }
  ) => [...errors, ...warnings].map(({ message, pos }) => fault(documentNumber, pos[0], message))
  if ("empty" in parsed) return { documents, findings: problemsOf(1, parsed) }
  for (const [index, document] of parsed.entries()) {
    const documentNumber = index + 1
    const problems = problemsOf(documentNumber, document)
    if (problems.length > 0) {
      findings.push(...problems)
      continue
    }
    let value: unknown
    try {
      value = document.toJS()
    } catch (cause) {
      // The one thing that fails here: more than a hundred expansions of one alias.
      findings.push(fault(documentNumber, document.range[0], cause instanceof Error ? cause.message : String(cause)))
      continue
    }
    if (value === null) continue
    const placeOf = (path: FieldPath): Place => {
      let node: unknown = document.contents
      let offset = document.contents?.range[0] ?? document.range[0]
      for (const step of path) {
        const target = isAlias(node) ? node.resolve(document) : node
        if (isMap(target)) {
          const pair = target.items.find((item) => isScalar(item.key) && item.key.value === step)
          if (pair === undefined) break
          offset = startOf(pair.key) ?? offset
          node = pair.value
        } else if (isSeq(target) && typeof step === "number" && step < target.items.length) {
          node = target.items[step]
          offset = startOf(node) ?? offset
        } else break
      }
      return placeAt(documentNumber, offset)
    }
    documents.push({ value, placeOf })
  }
  return { documents, findings }
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined)
