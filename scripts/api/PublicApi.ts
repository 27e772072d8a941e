/**
 * What a package shows to its users: every name that its index leads to, with its doc block and its declaration, read
 * from the syntax trees of the sources, or of the declarations that a build made of them.
 */
import { existsSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { type ESTree, parseSync } from "rolldown/utils"

export interface PublicName {
  /** As users write it: `createClient`, or `Route.make` for a module that is exported under a name. */
  readonly name: string
  /**
   * Its doc block; for the name that its file is named after, or the only one that its file exports, the file's own where
   * it has none. Empty where there is none at all.
   */
  readonly doc: string
  /** The declaration as it stands in the file, its members' doc blocks included. */
  readonly code: string
  /** The package whose name it is, where it is handed on. */
  readonly from?: string
  readonly path: string
}

interface Declaration {
  readonly doc: string
  readonly code: string
}

interface Module {
  readonly path: string
  readonly text: string
  readonly program: ESTree.Program
  readonly comments: ReadonlyArray<{ readonly value: string; readonly start: number; readonly end: number }>
  /** The block at the very beginning. */
  readonly doc: string
  readonly declarations: ReadonlyMap<string, Declaration>
  /** Names that come from elsewhere, and how they are called there. */
  readonly imports: ReadonlyMap<string, { readonly source: string; readonly name: string }>
}

/** Every name that the module at `path` exports, in the order in which it does. */
export const readPublicApi = (path: string): ReadonlyArray<PublicName> => namesOf(readModule(path), "")

/** The declaration of one name in the module at `path`, whether its package exports it or not. */
export const readDeclaration = (path: string, name: string): string => {
  const declaration = readModule(path).declarations.get(name)
  if (declaration === undefined) throw new Error(`${path} does not declare ${name}`)
  return declaration.code
}

const namesOf = (module: Module, prefix: string): ReadonlyArray<PublicName> =>
  module.program.body.flatMap((statement) => {
    if (statement.type === "ExportAllDeclaration") return namesOfAll(module, statement, prefix)
    if (statement.type !== "ExportNamedDeclaration") return []
    if (statement.declaration !== null) {
      return namesDeclared(statement.declaration).map((name) => found(module, name, prefix + name))
    }
    const source = statement.source?.value
    return statement.specifiers.map(({ exported, local }) => {
      const [inner, outer] = [nameOf(local), prefix + nameOf(exported)]
      return source === undefined ? found(module, inner, outer) : foundIn(module, source, inner, outer)
    })
  })

const namesOfAll = (
  module: Module,
  { exported, source }: ESTree.ExportAllDeclaration,
  prefix: string
): ReadonlyArray<PublicName> => {
  const inner = readModule(resolve(module.path, source.value))
  if (exported === null) return namesOf(inner, prefix)
  const name = nameOf(exported)
  const whole = { name: `${prefix}${name}`, doc: inner.doc, code: `import { ${name} } from "…"`, path: inner.path }
  return [whole, ...namesOf(inner, `${prefix}${name}.`)]
}

const exportedNames = ({ program }: Module): ReadonlyArray<string> =>
  program.body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration") return []
    return statement.declaration === null
      ? statement.specifiers.map(({ exported }) => nameOf(exported))
      : namesDeclared(statement.declaration)
  })

/** A name where it is declared, or where the module has it from. */
const found = (module: Module, inner: string, outer: string): PublicName => {
  const declaration = module.declarations.get(inner)
  if (declaration !== undefined) {
    const { code, doc } = declaration
    const file = basename(module.path).replace(/(\.d)?\.ts$/, "")
    const isMain = file.toLowerCase() === inner.toLowerCase() || exportedNames(module).length === 1
    return { name: outer, path: module.path, code, doc: doc === "" && isMain ? module.doc : doc }
  }
  const imported = module.imports.get(inner)
  if (imported === undefined) throw new Error(`${module.path} exports ${inner}, which it does not declare`)
  return foundIn(module, imported.source, imported.name, outer)
}

const foundIn = (module: Module, source: string, inner: string, outer: string): PublicName => {
  if (!source.startsWith(".")) return { name: outer, doc: "", code: "", from: source, path: module.path }
  const owner = readModule(resolve(module.path, source))
  const named = namesOf(owner, "").find(({ name }) => name === inner)
  return named === undefined ? found(owner, inner, outer) : { ...named, name: outer }
}

const resolve = (from: string, source: string): string => {
  const path = join(dirname(from), source)
  const declared = path.replace(/\.[jt]s$/, ".d.ts")
  return from.endsWith(".d.ts") && existsSync(declared) ? declared : path
}

const modules = new Map<string, Module>()

const readModule = (path: string): Module => {
  const known = modules.get(path)
  if (known !== undefined) return known
  const text = readFileSync(path, "utf8")
  const { comments, errors, program } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  const [first] = comments
  const doc = first?.value.startsWith("*") === true && text.slice(0, first.start).trim() === "" ? first : undefined
  const declarations = new Map<string, Declaration>()
  const imports = new Map<string, { readonly source: string; readonly name: string }>()
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      for (const specifier of statement.specifiers) {
        const name = specifier.type === "ImportSpecifier" ? nameOf(specifier.imported) : "*"
        imports.set(specifier.local.name, { source: statement.source.value, name })
      }
      continue
    }
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement
    if (declaration === null) continue
    const before = comments.findLast(({ end }) => end <= statement.start)
    const isNear = before !== undefined && text.slice(before.end, statement.start).trim() === ""
    const isDoc = isNear && before.value.startsWith("*") && before !== doc
    const code = text.slice(statement.start, statement.end)
    for (const name of namesDeclared(declaration)) {
      const earlier = declarations.get(name)
      const own = isDoc ? unwrap(before.value) : ""
      // A value and a type of one name, or overloads, are told of together.
      const both = earlier === undefined ? [own, code] : [earlier.doc || own, `${earlier.code}\n${code}`]
      const [told = "", written = ""] = both
      declarations.set(name, { doc: told, code: written })
    }
  }
  const module: Module = {
    path,
    text,
    program,
    comments,
    doc: doc === undefined ? "" : unwrap(doc.value),
    declarations,
    imports
  }
  modules.set(path, module)
  return module
}

const namesDeclared = (statement: ESTree.Statement | ESTree.Declaration): ReadonlyArray<string> => {
  switch (statement.type) {
    case "VariableDeclaration":
      return statement.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []))
    case "ClassDeclaration":
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      return statement.id === null ? [] : [statement.id.name]
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return [statement.id.name]
    default:
      return []
  }
}

const nameOf = (name: ESTree.ModuleExportName): string => (name.type === "Literal" ? name.value : name.name)

/** The text of a doc block, without its stars. */
const unwrap = (comment: string): string =>
  comment
    .replace(/^\*/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim()
