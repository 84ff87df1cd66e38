/** Writes so many bytes at once and exits at once: `node flood.mjs BYTES [CODE]`. The last line is `last words`. */
const [bytes = '1000000', code = '0'] = process.argv.slice(2)
process.stdout.write(`${`${'~'.repeat(79)}\n`.repeat(Math.ceil(Number(bytes) / 80))}last words\n`)
process.exitCode = Number(code)
