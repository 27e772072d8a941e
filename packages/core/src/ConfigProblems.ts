/**
 * What is wrong with a configuration, a line a problem: the path, what was expected, the nearest valid key.
 */
import { SchemaIssue } from "effect"
import { didYouMean } from "./NearestKey.ts"

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** `keysAt` names the keys that may stand where a path ends. */
export const describeIssue = (
  issue: SchemaIssue.Issue,
  keysAt: (path: ReadonlyArray<PropertyKey>) => ReadonlyArray<string>
): ReadonlyArray<string> => {
  const byPath = new Map<string, { readonly path: ReadonlyArray<PropertyKey>; readonly messages: Set<string> }>()
  for (const { message, path } of formatIssue(issue).issues) {
    const keys = (path ?? []).map((part) => (typeof part === "object" ? part.key : part))
    const text = keys.map(String).join(".")
    // A union reports each of its members: they are told together.
    const entry = byPath.get(text) ?? { path: keys, messages: new Set() }
    entry.messages.add(message)
    byPath.set(text, entry)
  }
  return Array.from(byPath, ([text, { messages, path }]) => {
    if (!messages.has("Expected no excess property")) return `${text}: ${Array.from(messages).join(", or ")}`
    return `${text}: unknown key${didYouMean(String(path.at(-1)), keysAt(path))}`
  })
}
