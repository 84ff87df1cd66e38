/**
 * Documentation that can be checked without reading it: every relative link leads to a file and, with a #fragment, to a heading of
 * it; every `npm run NAME` and file of dist or src it names exists; every decision has a number of its own and the four headings.
 */
import { existsSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { basename, dirname, join, normalize } from 'node:path'

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .split('\n').filter(path => path && existsSync(path))
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
const problems = []

const withoutCode = text => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
const headings = text => [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+\s+(.*)$/gm)].map(match => match[1])
const toAnchor = heading => heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')

function checkLink(file, link) {
  if (/^[a-z]+:/i.test(link)) return
  const [path, fragment] = link.split('#')
  const target = path ? normalize(join(dirname(file), decodeURIComponent(path))) : file
  if (!existsSync(target)) return void problems.push(`${file}: ${link} leads nowhere`)
  if (fragment && target.endsWith('.md') && !headings(readFileSync(target, 'utf8')).map(toAnchor).includes(fragment)) problems.push(`${file}: ${target} has no heading #${fragment}`)
}

for (const file of files) {
  const text = readFileSync(file, 'utf8')
  for (const [, link] of withoutCode(text).matchAll(/\]\(([^)\s]+)[^)]*\)/g)) checkLink(file, link)
  for (const [, name] of text.matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)) if (!scripts[name]) problems.push(`${file}: there is no script "${name}"`)
}

const decisions = files.filter(path => path.startsWith('docs/decisions/'))
const numbers = decisions.map(path => basename(path).slice(0, 4))
for (const [index, path] of decisions.entries()) {
  if (!/^\d{4}-[a-z0-9-]+\.md$/.test(basename(path)) || numbers.indexOf(numbers[index]) !== index) problems.push(`${path}: a decision is NNNN-title.md with a number of its own`)
  const found = headings(readFileSync(path, 'utf8')).map(heading => heading.toLowerCase())
  for (const part of ['problem', 'options', 'choice', 'cost']) if (!found.includes(part)) problems.push(`${path}: no heading "${part}"`)
}

for (const required of ['README.md', 'CHANGELOG.md', 'LICENSE']) if (!existsSync(required)) problems.push(`${required} is missing`)
for (const problem of problems) console.error(problem)
console.log(`${files.length} documents, ${problems.length} problems`)
process.exitCode = problems.length ? 1 : 0
