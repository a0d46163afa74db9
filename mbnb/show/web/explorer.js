// The error explorer: from a cell of the confusion matrix, a class or a point of the map to the moving people in it.

const BESIDE = 1080, DETAIL = 440 // pixels from which on the chosen clips stand beside the matrix, and what they have at least
const EXPLORER_STYLE = `
:host { --paper: #f4f5f7; --ink: #0b2a4a; --narrowest: 140px; } :host(.dark) { --paper: #22262c; --ink: #9fd3ff; }
.bar { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding: 6px 2px; }
.bar label { color: var(--faint); }
.tabs button { border-width: 0 0 2px; border-radius: 0; background: none; border-color: transparent; padding: 5px 10px; }
.tabs button[aria-selected=true] { border-color: var(--right); font-weight: 600; }
.panels { display: grid; grid-template-columns: minmax(0, 1fr); gap: 12px 20px; align-items: start; }
@container (min-width: ${BESIDE}px) { .panels { grid-template-columns: auto minmax(${DETAIL}px, 1fr); } }
canvas.matrix { width: auto; cursor: default; max-width: none; }
.scroll { overflow-x: auto; max-width: 100%; }
.status { color: var(--faint); min-height: 20px; padding: 2px 0; }
.detail { min-width: 0; border-top: 1px solid var(--line); padding-top: 6px; }
.detail h3 { margin: 2px 0 4px; font-size: 15px; }
.detail .empty { color: var(--faint); padding: 20px 0; }
.under { padding: 4px 6px 10px; font-size: 12px; }
.guess { display: grid; grid-template-columns: 1fr 34px; gap: 0 6px; position: relative; padding: 0 3px; }
.guess span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.guess i { position: absolute; inset: 1px auto 1px 0; background: var(--left); opacity: .22; border-radius: 2px; }
.guess.true { font-weight: 600; }
.guess b { text-align: right; font-weight: inherit; font-variant-numeric: tabular-nums; }
.about { color: var(--faint); padding: 3px 3px 0; overflow-wrap: anywhere; }
.review { display: flex; flex-wrap: wrap; gap: 4px; padding-top: 4px; }
.review input { flex: 1 1 90px; min-width: 0; padding: 2px 5px; } .review select { max-width: 100%; flex: 1 1 90px; min-width: 0; }
button.plain { border: 0; background: none; padding: 0; text-align: left; color: var(--left); text-decoration: underline; }
.saved { color: var(--good); } .unsaved, .problem { color: var(--bad); }
canvas.matrix:focus-visible, canvas.map:focus-visible { outline-offset: -2px; }
.notes td, .notes th, .classes td, .classes th { padding: 3px 8px; text-align: left; border-bottom: 1px solid var(--line); }
.notes, .classes { border-collapse: collapse; }
.classes td { font-variant-numeric: tabular-nums; } .classes tr:hover td { background: var(--raised); }
.tall { max-height: 640px; overflow: auto; }
.mapped { position: relative; } canvas.map { width: min(100%, 680px); height: 520px; border: 1px solid var(--line); cursor: crosshair; }
@container (min-width: ${BESIDE}px) { canvas.map { width: 620px; } }
.peek { position: absolute; left: 6px; bottom: 6px; width: 150px; background: var(--back); border: 1px solid var(--line); pointer-events: none; }
.legend { display: flex; flex-wrap: wrap; gap: 1px 10px; max-width: 680px; font-size: 12px; } .legend i { display: inline-block; width: 9px; height: 9px; margin-right: 3px; border-radius: 2px; }
input.number { width: 62px; }
`
const counted = n => n === 1 ? '1 clip' : n + ' clips'
const PRESETS = ['mislabelled?', 'bad tracking', 'ambiguous', 'cut too early or late', 'typical']
// What an explanation is about, and what it leaves out of a prediction.
const WHY = 'Importance is for the network’s prediction of the clip alone, seen once as a whole: without further views and without the temperature.'
const PAGE = 2 // clips of a cell that are shown together, beside one correct clip of either class

// What all panels ask: names, predictions and poses by clip.
function openStore(data, clipAt) {
  const { clips, classes } = data
  const store = {
    data,
    title: i => `${classes.codes[i]} ${classes.names[i]}`,
    predicted: i => clips.top[i][0],
    confidence: i => clips.p[i][0],
    wrong: i => clips.top[i][0] !== clips.label[i],
    saying: (i, name = store.title) => {
      const truth = name(clips.label[i])
      return !clips.top[i].length ? truth : store.wrong(i) ? `${truth} taken for ${name(store.predicted(i))}` : `${truth}, recognised`
    },
    short: i => store.saying(i, id => classes.codes[id]),
    describe: i => `${clips.name[i]} · ${store.saying(i)}` + (clips.top[i].length ? ` (${percent(store.confidence(i))})` : ' · of training')
      + ` · person ${data.people[clips.person[i]]} · ${(clips.length[i] / data.scene.fps).toFixed(1)} s`,
    clip: (i, title) => ({ title: title ?? store.short(i), ...clipAt(i), weights: data.importance?.[i]?.joints, moments: data.importance?.[i]?.frames,
      pictures: data.pictures?.[i] }),
  }
  return store
}

async function mountExplorer(host, model) {
  const data = model.get('data'), root = openRoot(host, STYLE + EXPLORER_STYLE + CARD_STYLE), { clips, classes, scored, people } = data
  root.append(make('div', { className: 'status', textContent: 'reading poses …' }))
  const store = openStore(data, await unpack(model.get('poses'), clips, data.scene.joints.length))
  const everything = { person: '', region: '', outcome: '', low: 0, high: 100, shortest: 0, longest: 0 }
  const state = { tab: 'matrix', order: 'region', unit: 'share', color: 'correct', projection: Object.keys(data.map ?? {})[0], cell: null, clip: null,
    ...everything, ...model.get('view') }
  const live = !model.page
  let notes = { ...model.get('notes') }, saving = 0
  root.lastChild.remove()

  // ---- filters
  const fits = i => {
    const seconds = clips.length[i] / data.scene.fps, sure = 100 * store.confidence(i)
    return (state.person === '' || people[clips.person[i]] === state.person) && (state.region === '' || classes.regions[clips.label[i]] === +state.region)
      && sure >= state.low && sure <= state.high && seconds >= state.shortest && (!state.longest || seconds <= state.longest) && OUTCOMES[state.outcome][1](i)
  }
  const OUTCOMES = { '': ['right and wrong', () => true], wrong: ['wrong', store.wrong], right: ['right', i => !store.wrong(i)], noted: ['with a note', i => clips.name[i] in notes] }
  if (data.against) {
    const before = i => data.against.predicted[i] === clips.label[i]
    OUTCOMES.gained = [`right here, wrong in ${data.against.name}`, i => !store.wrong(i) && !before(i)]
    OUTCOMES.lost = [`wrong here, right in ${data.against.name}`, i => store.wrong(i) && before(i)]
  }
  // A view that was saved may belong to a page with other choices.
  if (!(state.outcome in OUTCOMES)) state.outcome = ''
  if (state.clip >= clips.name.length) state.clip = null
  if (data.map && !(state.projection in data.map)) state.projection = Object.keys(data.map)[0]
  if (!people.includes(state.person)) state.person = ''
  if (!(state.region in classes.region_names)) state.region = ''
  const everyClip = Array.from({ length: scored }, (_, i) => i)
  store.shown = () => everyClip.filter(fits)
  // Many clips are counted in the matrix, and some of them are here; filters other than the region see those alone.
  const total = data.counts.flat().reduce((a, b) => a + b, 0), few = scored < total
  const whole = () => few && Object.keys(everything).every(key => key === 'region' || state[key] === everything[key])
  store.counts = () => {
    if (whole()) return data.counts.map((row, i) => state.region === '' || classes.regions[i] === +state.region ? row : row.map(() => 0))
    const counts = data.counts.map(row => row.map(() => 0))
    for (const i of store.shown()) counts[clips.label[i]][store.predicted(i)]++
    return counts
  }
  const number = (key, title, max) => make('input', { className: 'number', type: 'number', min: 0, max, step: 'any', value: state[key] || (max ? 0 : ''),
    title, ariaLabel: title, onchange: event => { state[key] = event.target.value === '' ? everything[key] : +event.target.value; refresh() } })
  const pick = (key, options, title) => make('select', { title, ariaLabel: title, className: 'filter-' + key, onchange: event => { state[key] = event.target.value; refresh() } },
    ...options.map(([value, text]) => make('option', { value, textContent: text, selected: value === String(state[key]) })))
  const scoredPeople = [...new Set(clips.person.slice(0, scored))].sort((a, b) => people[a].localeCompare(people[b]))
  const count = make('span', { className: 'count', ariaLive: 'polite' }), filters = make('div', { className: 'bar' })
  const fillFilters = () => filters.replaceChildren(
    make('label', {}, 'person', pick('person', [['', 'all'], ...scoredPeople.map(k => [people[k], people[k]])], 'person')),
    make('label', {}, 'region', pick('region', [['', 'all'], ...classes.region_names.map((name, k) => [String(k), name])], 'true body region')),
    make('label', {}, 'clips', pick('outcome', Object.entries(OUTCOMES).map(([key, [text]]) => [key, text]), 'which clips')),
    make('label', {}, 'confidence', number('low', 'lowest confidence, %', 100), '–', number('high', 'highest confidence, %', 100), '%'),
    make('label', {}, 'length', number('shortest', 'shortest, seconds'), '–', number('longest', 'longest, seconds'), 's'),
    make('button', { type: 'button', textContent: 'reset', onclick: () => { Object.assign(state, everything); fillFilters(); refresh() } }), count)

  // ---- what was chosen
  const stage = createStage(root, data.scene, { height: 230, controlsFirst: true }), heading = make('h3'), pager = make('div', { className: 'bar' })
  const problem = make('div', { className: 'problem', ariaLive: 'polite' })
  const detail = make('section', { className: 'detail', ariaLabel: 'chosen clips' })
  let page = 0, before = null // the cell and the page of it from which one came to a clip
  const drafts = new Map(), told = new Map() // notes that are being written, and what became of written ones, by clip

  const inCell = (all, i, j) => all.filter(k => clips.label[k] === i && store.predicted(k) === j).sort((a, b) => store.confidence(b) - store.confidence(a))
  const correctOf = id => inCell(everyClip, id, id).slice(0, 1)
  function showClips(title, indices, named = {}) {
    heading.textContent = title
    problem.textContent = ''
    detail.replaceChildren(heading, pager, problem, indices.length ? stage.element : make('div', { className: 'empty', textContent: 'no clips' }),
      make('div', { className: 'status why', textContent: indices.some(i => data.importance?.[i]) ? WHY : '' }))
    stage.show(indices.map(i => ({ ...store.clip(i, named[i]), below: under(i) })))
  }
  function openCell(i, j, first = 0) {
    Object.assign(state, { cell: [i, j], clip: null })
    page = first
    const all = inCell(store.shown(), i, j), shown = all.slice(page, page + PAGE)
    const besides = i === j ? [] : [...correctOf(i), ...correctOf(j)]
    const named = Object.fromEntries(besides.map(k => [k, `to compare: ${store.short(k)}`]))
    // The first one and what to compare it with stand in one row, even on a laptop.
    const number = whole() && all.length < data.counts[i][j] ? `${counted(data.counts[i][j])}, ${all.length} of them on this page` : counted(all.length)
    showClips(`${store.title(i)}${i === j ? ', recognised' : ` taken for ${store.title(j)}`}: ${number}`, [...shown.slice(0, 1), ...besides, ...shown.slice(1)], named)
    const turn = (by, text, off) => make('button', { type: 'button', textContent: text, disabled: off, onclick: () => openCell(i, j, page + by) })
    pager.replaceChildren(...(all.length > PAGE ? [turn(-PAGE, '‹ before', page === 0), `${page + 1} – ${Math.min(page + PAGE, all.length)} of ${all.length}, the surest first`,
      turn(PAGE, 'next ›', page + PAGE >= all.length)] : []))
    store.changed()
  }
  // A clip with those of training most like it for the model, or with `alike` those of other people.
  function openClip(i, from = null, alike = false) {
    Object.assign(state, { cell: null, clip: i })
    before = from
    pager.replaceChildren(...(from ? [make('button', { type: 'button', textContent: '‹ back', onclick: () => openCell(...from) })] : []))
    const near = (alike ? data.alike : data.neighbours)?.[i] ?? []
    const named = Object.fromEntries(near.map(([k, share]) => [k, `${alike ? '' : 'training, '}${Math.round(100 * share)} % alike: ${store.title(clips.label[k])}`]))
    const title = alike ? 'Like this one: the clip, and the clips of other people most like it for the model'
      : 'Why does it think so? The clip, and the clips of training most like it for the model'
    showClips(near.length ? title : store.describe(i), [i, ...near.map(([k]) => k)], named)
    store.changed()
  }
  function openClass(id) {
    Object.assign(state, { cell: null, clip: null })
    detail.replaceChildren(classCard(root, store, id, stage, (other, pairs) => pairs === data.cards[id].taken_for ? openCell(id, other) : openCell(other, id)), stage.element)
  }

  // Below a clip: the five likeliest classes and the true one, whose it is, and a note.
  function under(i) {
    const node = make('div', { className: 'under' }), truth = clips.label[i], guesses = clips.top[i].map((id, k) => [id, clips.p[i][k]])
    if (i < scored && !clips.top[i].includes(truth)) guesses.push([truth, clips.p_true[i]])
    for (const [id, share] of guesses) {
      const bar = make('i'), row = make('div', { className: 'guess' + (id === truth ? ' true' : ''), title: store.title(id) + (id === truth ? ', the true class' : '') }, bar,
        make('span', { textContent: store.title(id) }), make('b', { textContent: percent(share) }))
      bar.style.width = 100 * share + '%'
      node.append(row)
    }
    const about = [clips.name[i], `person ${people[clips.person[i]]}`, `${(clips.length[i] / data.scene.fps).toFixed(1)} s`], explained = data.importance?.[i]
    if (data.against && i < scored) about.push(`${data.against.name}: ${classes.codes[data.against.predicted[i]]}`)
    if (i < scored && !live && !explained && Object.keys(data.importance ?? {}).length) about.push('importance not computed')
    node.append(make('div', { className: 'about', textContent: about.join(' · ') }))
    if (i >= scored) return node
    if (i in clips.adapted) node.append(make('div', { className: 'about adapted',
      textContent: `with people’s other clips (${data.steps.join(', ')}): ${classes.codes[clips.adapted[i]]}` }))
    if (data.neighbours?.[i]?.length && state.clip !== i) node.append(make('button', { className: 'plain near', type: 'button', textContent: 'nearest in training',
      onclick: () => openClip(i, state.cell && [...state.cell, page]) }))
    if (data.alike?.[i]?.length) node.append(' ', make('button', { className: 'plain alike', type: 'button', textContent: 'like this one',
      onclick: () => openClip(i, state.cell && [...state.cell, page], true) }))
    if (live && data.model && !explained) node.append(' ', make('button', { className: 'plain why', type: 'button', textContent: 'why?', title: WHY, onclick: event => {
      event.target.disabled = true
      event.target.textContent = 'asking …'
      model.send({ kind: 'explain', clip: i })
    } }))
    if (live && data.videos && !data.pictures?.[i]) node.append(' ', make('button', { className: 'plain video', type: 'button', textContent: 'video', onclick: event => {
      event.target.disabled = true
      event.target.textContent = 'looking …'
      model.send({ kind: 'video', clip: i })
    } }))
    const kept = notes[clips.name[i]] ?? {}
    const note = make('input', { className: 'note', value: drafts.get(i) ?? kept.note ?? '', placeholder: 'note', ariaLabel: 'note on ' + clips.name[i] })
    note.setAttribute('list', 'presets')
    const label = make('select', { className: 'label', ariaLabel: 'better label for ' + clips.name[i] }, make('option', { value: '', textContent: 'label stays' }),
      ...classes.codes.map((code, id) => make('option', { value: code, textContent: store.title(id), selected: code === kept.label })))
    const [className, textContent] = told.get(i) ?? ['state', ''], outcome = make('span', { className, textContent })
    outcome.dataset.clip = i
    const save = () => keep(i, { note: note.value.trim(), label: label.value })
    note.oninput = () => drafts.set(i, note.value)
    note.onchange = label.onchange = save
    note.onblur = () => { if (drafts.has(i)) save() }
    node.append(make('div', { className: 'review' }, note, label, outcome))
    return node
  }

  // ---- notes
  const waiting = new Map() // clips whose notes are on their way, by the number of the question
  function tell(i, className, textContent) {
    told.set(i, [className, textContent])
    const outcome = detail.querySelector(`[data-clip="${i}"]`)
    if (outcome) Object.assign(outcome, { className, textContent })
  }
  function keep(i, value) {
    const name = clips.name[i]
    drafts.delete(i)
    notes = { ...notes }
    if (value.note || value.label) notes[name] = value
    else delete notes[name]
    fillReview()
    const ask = ++saving
    waiting.set(ask, i)
    tell(i, 'state', 'saving …')
    if (live) model.send({ kind: 'note', clip: i, ask, ...value })
    setTimeout(() => {
      if (!waiting.has(ask)) return
      tell(i, 'unsaved', live ? 'no answer yet: the kernel is busy, or gone; the tab Review has review.csv' : 'not kept by this page: download review.csv in the tab Review')
    }, live ? 4000 : 0)
  }
  model.on?.('msg:custom', answer => {
    if (answer.kind === 'note' && waiting.has(answer.ask)) {
      waiting.delete(answer.ask)
      tell(answer.clip, ...answer.problem ? ['unsaved', 'not saved: ' + answer.problem] : ['saved', 'saved in review.csv'])
    } else if (answer.kind === 'relabel') written.textContent = answer.problem ?? answer.text
    else if (answer.kind === 'explain' || answer.kind === 'video') {
      const key = answer.kind === 'explain' ? 'importance' : 'pictures'
      if (!answer.problem) data[key] = { ...data[key], [answer.clip]: answer[key] }
      again()
      problem.textContent = answer.problem ?? ''
    }
  })
  // The same clips with what an answer brought, at the same frame, and whoever is writing goes on writing.
  function again() {
    const frame = stage.now(), writing = root.activeElement?.matches('input.note') ? root.activeElement : null
    const { ariaLabel, selectionStart, selectionEnd } = writing ?? {}
    if (state.cell) openCell(...state.cell, page)
    else if (state.clip != null) openClip(state.clip, before)
    stage.seek(frame)
    const input = writing && [...detail.querySelectorAll('input.note')].find(one => one.ariaLabel === ariaLabel)
    input?.focus({ preventScroll: true })
    input?.setSelectionRange(selectionStart, selectionEnd)
  }
  const written = make('div', { className: 'status' }), reviewTab = make('div', {})
  const quoted = text => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  function fillReview() {
    const names = Object.keys(notes), byName = new Map(clips.name.slice(0, scored).map((name, i) => [name, i]))
    tabs.review.textContent = `Review (${names.length})`
    const rows = names.map(name => {
      const i = byName.get(name)
      return make('tr', {}, make('td', {}, i == null ? name : make('button', { className: 'plain', type: 'button', textContent: name, onclick: () => openClip(i) })),
        make('td', { textContent: i == null ? '' : store.saying(i) }), make('td', { textContent: notes[name].note }), make('td', { textContent: notes[name].label }))
    })
    const table = make('table', { className: 'notes' }, make('tr', {}, ...['clip', 'what happened', 'note', 'better label'].map(text => make('th', { textContent: text }))), ...rows)
    const csv = () => ['clip,note,label', ...names.map(name => [name, notes[name].note, notes[name].label].map(quoted).join(','))].join('\n') + '\n'
    const buttons = [make('button', { type: 'button', textContent: 'download review.csv', disabled: !names.length, onclick: () => {
      make('a', { href: URL.createObjectURL(new Blob([csv()], { type: 'text/csv' })), download: 'review.csv' }).click()
    } })]
    if (live) buttons.unshift(make('button', { className: 'relabel', type: 'button', textContent: 'write label files with the better labels',
      disabled: !names.some(name => notes[name].label), onclick: () => model.send({ kind: 'relabel' }) }))
    reviewTab.replaceChildren(names.length ? make('div', { className: 'tall' }, table) : make('p', { textContent: 'No notes yet: write them below a clip.' }),
      make('div', { className: 'bar' }, ...buttons), written)
  }

  // ---- classes
  function classesPanel() {
    const { cards } = data
    const by = { class: (a, b) => a - b, F1: (a, b) => (cards[a].f1 ?? 2) - (cards[b].f1 ?? 2), clips: (a, b) => cards[b].support - cards[a].support }
    const table = make('table', { className: 'classes' })
    const fill = key => table.replaceChildren(
      make('tr', {}, ...Object.keys({ ...by, recall: 0, precision: 0 }).map(name => make('th', {}, name in by
        ? make('button', { className: 'plain', type: 'button', textContent: name, title: 'sort', onclick: () => fill(name) }) : name))),
      ...cards.map((_, id) => id).sort(by[key]).map(id => make('tr', {},
        make('td', {}, make('button', { className: 'plain', type: 'button', textContent: store.title(id), onclick: () => chosen.class(id) })),
        ...[percent(cards[id].f1), cards[id].support, percent(cards[id].recall), percent(cards[id].precision)].map(text => make('td', { textContent: text })))))
    fill('class')
    return { element: make('div', {}, make('div', { className: 'status', textContent: `Scores of all ${counted(total)}, whatever the filters say.` }),
      make('div', { className: 'tall' }, table)), refresh() {} }
  }

  // ---- tabs
  // In one column the clips stand below what was clicked, where nobody would see them.
  const showing = open => (...given) => { open(...given); if (root.host.clientWidth < BESIDE) detail.scrollIntoView({ block: 'nearest' }) }
  const chosen = { cell: showing(openCell), class: showing(openClass), clip: showing(openClip) }
  const panels = { matrix: matrixPanel(root, store, state, chosen), classes: classesPanel(), ...(data.map ? { map: mapPanel(root, store, state, chosen) } : {}),
    review: { element: reviewTab, refresh: fillReview } }
  const named = { matrix: 'Confusion matrix', classes: 'Classes', map: 'Map', review: 'Review' }
  const tabs = Object.fromEntries(Object.keys(panels).map(key => [key, make('button', { type: 'button', role: 'tab', textContent: named[key], onclick: () => openTab(key) })]))
  const panel = make('div', { className: 'scroll' })
  function openTab(key) {
    state.tab = panels[key] ? key : 'matrix'
    for (const [name, tab] of Object.entries(tabs)) tab.setAttribute('aria-selected', name === state.tab)
    panel.replaceChildren(panels[state.tab].element)
    panels[state.tab].refresh()
    store.changed()
  }
  let later = 0
  store.changed = () => {
    clearTimeout(later)
    if (live) later = setTimeout(() => { model.set('view', { ...state }); model.save_changes() }, 400)
  }
  function refresh() {
    const shown = store.shown()
    if (whole()) {
      const counts = store.counts(), right = counts.reduce((sum, row, i) => sum + row[i], 0), all = counts.flat().reduce((a, b) => a + b, 0)
      count.textContent = `${all} of ${total} clips, ${right} right; ${shown.length} of them on this page`
    } else count.textContent = `${shown.length} of ${scored} clips${few ? ' on this page' : ''}, ${shown.filter(i => !store.wrong(i)).length} right`
    panels[state.tab].refresh()
    if (state.cell) openCell(...state.cell)
    store.changed()
  }
  fillFilters()
  fillReview()
  let width = 0
  new ResizeObserver(() => { if (width !== root.host.clientWidth) { width = root.host.clientWidth; panels[state.tab].refresh() } }).observe(root.host)
  root.append(make('datalist', { id: 'presets' }, ...PRESETS.map(value => make('option', { value }))),
    ...(few ? [make('div', { className: 'status', textContent: `This page holds ${scored} of ${total} clips: examples of each class, the surest of every confusion, and some that are right. `
      + 'The matrix and the scores of classes are of all; filters by person, outcome, confidence or length count those that are here.' })] : []), filters,
    make('div', { className: 'tabs', role: 'tablist' }, ...Object.values(tabs)), make('div', { className: 'panels' }, panel, detail))
  detail.replaceChildren(make('div', { className: 'empty', textContent: `Choose a cell${data.map ? ', a class or a point' : ' or a class'}: its clips move here.` }))
  openTab(state.tab)
  refresh()
  if (state.clip != null) openClip(state.clip)
  root.explorer = { state, store, panels } // for scripts that drive the page
}
