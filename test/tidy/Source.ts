/**
 * What the rules want to know about one source file, read from its syntax tree.
 *
 * The tree decides, not a search through text: a name inside a comment, a string or a property is not a use of it.
 */
import { type ESTree, parseSync, Visitor } from "rolldown/utils"

export interface Import {
  readonly specifier: string
  /** Gone at run time: `import type`, `export type ... from`, `import("...").T`. */
  readonly isTypeOnly: boolean
  readonly line: number
}

/** A thing found on a line. */
export interface Place {
  readonly what: string
  readonly line: number
}

export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly imports: ReadonlyArray<Import>
  /** Every name that is used, alone (`setTimeout`) and with one member (`Date.now`), and `new Date()`. */
  readonly uses: ReadonlyArray<Place>
  readonly comments: ReadonlyArray<Place>
  /** What weakens the compiler's word, or hides an error: `any`, `as unknown as`, `catch {}`. */
  readonly evasions: ReadonlyArray<Place>
  readonly testNames: ReadonlyArray<Place>
  /** Lines that hold something other than comments and blanks. */
  readonly codeLineCount: number
  /** Does a doc block stand before the first statement that is no import? */
  readonly isIntroduced: boolean
}

/** What the file holds, or the sentence that says why it cannot be read. */
export function parseSource(path: string, text: string): Source | string {
  const { program, comments, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) return `${path}: ${error.message}`

  const lineAt = lineCounter(text)
  const imports: Array<Import> = []
  const uses: Array<Place> = []
  const evasions: Array<Place> = []
  const testNames: Array<Place> = []
  /** Where identifiers stand that name a member, not a variable. A parent is visited before its children. */
  const memberStarts = new Set<number>()

  const addImport = (source: ESTree.StringLiteral | null, isTypeOnly: boolean): void => {
    if (source !== null) imports.push({ specifier: source.value, isTypeOnly, line: lineAt(source.start) })
  }
  const noteKey = (node: { readonly computed: boolean; readonly key: { readonly start: number } }): void => {
    if (!node.computed) memberStarts.add(node.key.start)
  }
  const isEmptyWithin = (start: number, end: number): boolean =>
    !comments.some((comment) => comment.start > start && comment.end < end)

  new Visitor({
    ImportDeclaration: (node) => addImport(node.source, node.importKind === "type"),
    ExportNamedDeclaration: (node) => addImport(node.source, node.exportKind === "type"),
    ExportAllDeclaration: (node) => addImport(node.source, node.exportKind === "type"),
    TSImportType: (node) => addImport(node.source, true),
    ImportExpression: (node) => {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        imports.push({ specifier: node.source.value, isTypeOnly: false, line: lineAt(node.start) })
      }
    },
    MemberExpression: (node) => {
      if (node.computed || node.property.type !== "Identifier") return
      memberStarts.add(node.property.start)
      const owner = globalName(node.object)
      if (owner === "globalThis") uses.push({ what: node.property.name, line: lineAt(node.start) })
      else if (owner !== undefined) uses.push({ what: `${owner}.${node.property.name}`, line: lineAt(node.start) })
    },
    Property: (node) => {
      // In `{ a }` the key and the value are one and the same identifier, and it is a use.
      if (!node.shorthand) noteKey(node)
    },
    MethodDefinition: noteKey,
    PropertyDefinition: noteKey,
    AccessorProperty: noteKey,
    TSPropertySignature: noteKey,
    TSMethodSignature: noteKey,
    TSAbstractMethodDefinition: noteKey,
    TSAbstractPropertyDefinition: noteKey,
    Identifier: (node) => {
      if (!memberStarts.has(node.start)) uses.push({ what: node.name, line: lineAt(node.start) })
    },
    NewExpression: (node) => {
      if (globalName(node.callee) === "Date" && node.arguments.length === 0) {
        uses.push({ what: "new Date()", line: lineAt(node.start) })
      }
    },
    CallExpression: (node) => {
      const name = testName(node)
      if (name !== undefined) testNames.push({ what: name, line: lineAt(node.start) })
    },
    TSAnyKeyword: (node) => {
      evasions.push({ what: "any", line: lineAt(node.start) })
    },
    TSAsExpression: (node) => {
      if (node.expression.type === "TSAsExpression" && node.expression.typeAnnotation.type === "TSUnknownKeyword") {
        evasions.push({ what: "as unknown as", line: lineAt(node.start) })
      }
    },
    CatchClause: (node) => {
      if (node.body.body.length === 0 && isEmptyWithin(node.body.start, node.body.end)) {
        evasions.push({ what: "catch {}", line: lineAt(node.start) })
      }
    }
  }).visit(program)

  const firstStatement = program.body.find((statement) => statement.type !== "ImportDeclaration")
  return {
    path,
    imports,
    uses,
    evasions,
    testNames,
    comments: comments.map((comment) => ({ what: comment.value, line: lineAt(comment.start) })),
    codeLineCount: countCodeLines(text, comments),
    isIntroduced: comments.some(
      ({ start, type, value }) =>
        type === "Block" && value.startsWith("*") && start < (firstStatement?.start ?? text.length)
    )
  }
}

/** The name of a variable, with `globalThis.` taken off. */
function globalName(node: ESTree.Expression): string | undefined {
  if (node.type === "Identifier") return node.name
  if (node.type !== "MemberExpression" || node.computed || node.property.type !== "Identifier") return undefined
  return node.object.type === "Identifier" && node.object.name === "globalThis" ? node.property.name : undefined
}

/** The name in `it("name", ...)`, `it.effect("name", ...)`, `test.each(cases)("name", ...)`. */
function testName(call: ESTree.CallExpression): string | undefined {
  const [first] = call.arguments
  if (first === undefined || !isTestFunction(call.callee)) return undefined
  if (first.type === "Literal" && typeof first.value === "string") return first.value
  if (first.type !== "TemplateLiteral") return undefined
  return first.quasis.map((part) => part.value.raw).join("…")
}

function isTestFunction(callee: ESTree.Expression): boolean {
  switch (callee.type) {
    case "Identifier":
      return callee.name === "it" || callee.name === "test"
    case "MemberExpression":
      return isTestFunction(callee.object)
    case "CallExpression":
      return isTestFunction(callee.callee)
    case "TaggedTemplateExpression":
      return isTestFunction(callee.tag)
    default:
      return false
  }
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    const after = starts.findIndex((start) => start > offset)
    return after < 0 ? starts.length : after
  }
}

function countCodeLines(text: string, comments: ReadonlyArray<{ readonly start: number; readonly end: number }>) {
  let code = ""
  let end = 0
  for (const comment of comments) {
    code += text.slice(end, comment.start) + text.slice(comment.start, comment.end).replace(/[^\n]/g, "")
    end = comment.end
  }
  return (code + text.slice(end)).split("\n").filter((line) => line.trim() !== "").length
}
