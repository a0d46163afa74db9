// The timeline of a recording: one clock for video and skeletons, segments that a person corrects, moments where two coders differ.

const TIMELINE_STYLE = `
.over-lanes { background: var(--back); } @media (min-height: 780px) and (min-width: 900px) { .over-lanes { position: sticky; top: 0; z-index: 2; } }
.top { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: flex-start; }
.top video { flex: 1 1 260px; min-width: 0; max-height: 236px; background: #000; } .top .people { flex: 2 1 320px; min-width: 0; }
.top .chosen { flex: 1 1 280px; min-width: 240px; min-height: 150px; }
.chosen h3 { margin: 0 0 2px; font-size: 15px; overflow-wrap: anywhere; } .chosen p { margin: 2px 0; color: var(--faint); overflow-wrap: anywhere; }
.bar { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; padding: 4px 0; }
.time-lanes { border: 1px solid var(--line); border-radius: 4px; } .over { position: relative; overflow: hidden; }
canvas.whole { height: 30px; cursor: pointer; border-bottom: 1px solid var(--line); } canvas.lanes { cursor: grab; touch-action: pan-y; }
canvas.lanes:focus-visible { outline-offset: -2px; }
.head { position: absolute; top: 0; bottom: 0; left: -1px; width: 2px; background: var(--bad); pointer-events: none; }
.looked { min-height: 22px; padding: 2px; color: var(--faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.differ { border: 1px solid var(--line); border-radius: 5px; padding: 2px 8px; } .differ b { font-variant-numeric: tabular-nums; }
.relabel { position: relative; } .relabel input { width: 100%; padding: 4px 6px; }
.relabel ul { margin: 2px 0 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 4px; background: var(--back); }
.relabel li { padding: 2px 8px; cursor: pointer; overflow-wrap: anywhere; } .relabel li[aria-selected=true] { background: var(--left); color: var(--back); }
.saved { color: var(--good); } .unsaved, .problem { color: var(--bad); }
kbd { font: 12px ui-monospace, monospace; border: 1px solid var(--line); border-radius: 3px; padding: 0 4px; background: var(--raised); }
.keys { padding: 4px 2px; color: var(--faint); font-size: 12px; line-height: 1.9; }
`
const MOST_LISTED = 8, ALIKE = 1500, SHORTEST = 0.4 // labels to choose from at once; milliseconds in which moves of one border are one step; seconds that are played
const KEYS = [['space', 'play, pause'], ['Enter', 'play the segment'], ['↑ ↓', 'segment before, after'], ['u', 'next that nobody looked at'], ['a', 'accept'], ['x', 'reject'],
  ['r', 'another label'], ['s', 'move its start'], ['e', 'move its end'], ['← →', 'a frame (Shift: ten), or the border that is moved'], ['Esc', 'leave the border'],
  ['i', 'new segment here'], ['n', 'next difference'], ['p', 'the one before'], ['+ −', 'zoom'], ['0', 'all of it'], ['Ctrl Z', 'undo'], ['Ctrl Y', 'redo']]

// Segments and what somebody has made of them. Each edit has a verdict and all that then holds of a segment; every one can be undone.
function openEdits(data, changed) {
  const { segments, lanes, labels } = data
  const items = segments.name.map((name, i) => ({ name, source: segments.source[i], lane: segments.lane[i], start: segments.start[i], end: segments.end[i],
    label: segments.label[i], sure: segments.sure[i], fixed: Boolean(segments.fixed[i]), edit: null }))
  const byName = new Map(items.filter(item => item.source !== OTHERS).map(item => [item.name, item]))
  const past = [], future = []
  let lost = [] // rejections of segments that are not here
  const plain = ({ start, end, label, lane }) => ({ start, end, label, lane })
  const same = (a, b) => ['start', 'end', 'label', 'lane'].every(key => a[key] === b[key])
  const store = {
    items,
    // What stands of a segment once it is corrected; null where nothing does, or nobody has looked at it yet.
    holds: item => item.edit ? item.edit.verdict === 'rejected' ? null : item.edit : item.source === OWN && !item.added ? item : null,
    labelled(text) {
      const found = labels.indexOf(text)
      if (found >= 0) return found
      data.homes.push(-1)
      return labels.push(text) - 1
    },
    set(item, edit, kind) {
      const last = past.at(-1), at = Date.now()
      if (kind && last?.item === item && last.kind === kind && at - last.at < ALIKE) Object.assign(last, { to: edit, at })
      else past.push({ item, from: item.edit, to: edit, kind, at })
      future.length = 0
      item.edit = edit
      changed(item)
    },
    accept(item) {
      if (item.source === OTHERS || (item.edit && item.edit.verdict !== 'rejected')) return
      store.set(item, item.source === OWN ? null : { ...plain(item), verdict: 'accepted' })
    },
    reject(item) {
      if (item.source !== OTHERS) store.set(item, item.added ? null : { ...plain(item), verdict: 'rejected' })
    },
    change(item, part, kind) {
      if (item.source === OTHERS) return
      const edit = { ...plain(store.holds(item) ?? item), ...part }
      if (item.added) store.set(item, { ...edit, verdict: item.edit?.verdict ?? 'added' }, kind)
      else if (!same(edit, item)) store.set(item, { ...edit, verdict: 'changed' }, kind)
      else store.set(item, item.source === OWN ? null : { ...edit, verdict: 'accepted' }, kind)
    },
    relabel(item, label) {
      const { lane } = store.holds(item) ?? item, home = lanes[data.homes[label]]
      const other = home && lanes.findIndex(one => one.tier === home.tier && one.person === lanes[lane].person)
      store.change(item, { label, lane: other >= 0 && (item.source === MACHINES || item.added) ? other : lane })
    },
    add(lane, start, end, label) {
      const item = { name: `new-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`, source: OWN, added: true, lane, start, end, label, sure: null, fixed: false, edit: null }
      items.push(item)
      byName.set(item.name, item)
      store.set(item, { ...plain(item), verdict: 'added' })
      return item
    },
    step(back) {
      const done = (back ? past : future).pop()
      if (!done) return null
      ;(back ? future : past).push({ ...done, kind: null })
      done.item.edit = back ? done.from : done.to
      changed(done.item)
      return done.item
    },
    steps: () => [past.length, future.length],
    content: () => ({
      format: 'mbnb edits', version: 1, recording: data.name, length: data.length, saved: new Date().toISOString(),
      edits: [...items.filter(item => item.edit).map(({ name, edit: { verdict, start, end, label, lane } }) => ({
        segment: name, verdict, start: +start.toFixed(4), end: +end.toFixed(4), label: labels[label], tier: lanes[lane].tier, person: lanes[lane].person })), ...lost],
    }),
    // Take over what was kept, instead of what is here; the number of edits that could not be read.
    restore(content) {
      const numbers = one => [one.start, one.end].every(Number.isFinite) && one.start >= 0 && one.start <= one.end && one.end <= data.length + 1
      const texts = one => [one.segment, one.label, one.tier, one.person].every(text => typeof text === 'string')
      const edits = Array.isArray(content?.edits) && content.format === 'mbnb edits' ? content.edits : null
      if (!edits) return -1
      for (const item of items) item.edit = null
      past.length = future.length = 0
      lost = []
      let odd = 0
      for (const one of edits) {
        if (!(one && texts(one) && numbers(one) && ['accepted', 'rejected', 'changed', 'added'].includes(one.verdict))) { odd++; continue }
        let item = byName.get(one.segment)
        if (!item && one.verdict === 'rejected') { lost.push(one); continue }
        let lane = lanes.findIndex(({ tier, person }) => tier === one.tier && person === one.person)
        if (lane < 0) lane = item?.lane ?? lanes.push({ tier: one.tier, person: one.person }) - 1
        const edit = { verdict: one.verdict, start: one.start, end: one.end, label: store.labelled(one.label), lane }
        if (!item) {
          item = { ...edit, name: one.segment, source: OWN, added: true, sure: null, fixed: false }
          items.push(item)
          byName.set(item.name, item)
        }
        item.edit = edit
      }
      changed(null)
      return odd
    },
  }
  return store
}

// One time for all: the video's while it plays, else that of the page. `changed(time)` is called whenever it moves.
function createClock(video, { length, offset }, changed) {
  let now = 0, playing = false, until = null, before = 0, speed = 1
  const works = () => video && !video.error
  // Before and behind what was filmed, time passes by itself.
  const filmed = () => works() && video.readyState > 0 && now + offset >= 0 && now + offset < video.duration - 0.02
  function tick(at) {
    if (!playing) return
    if (!clock.element.isConnected) return clock.play(false)
    if (filmed()) { if (!video.seeking) now = video.currentTime - offset } else now += before ? Math.min(at - before, 250) / 1000 * speed : 0
    before = at
    const end = until ?? length
    if (now >= end) { clock.play(false); if (now > end) clock.seek(end) }
    changed(now)
    if (playing) requestAnimationFrame(tick)
  }
  const clock = {
    element: video,
    now: () => now,
    playing: () => playing,
    seek(time) {
      now = Math.max(0, Math.min(length, time))
      if (works()) video.currentTime = now + offset
      changed(now)
    },
    play(on, to = null) {
      until = to
      before = 0
      if (on === playing) return
      if (on && to == null && now >= length) clock.seek(0)
      playing = on
      if (on && works() && (filmed() || !video.readyState)) video.play().catch(() => {})
      else if (works()) video.pause()
      if (on) requestAnimationFrame(tick)
      changed(now)
    },
    speed(times) { speed = times; if (video) video.playbackRate = times },
  }
  return clock
}

// People as clips of a stage: their poses are unpacked stretch by stretch, where the clock is.
async function openTracks(data, packed) {
  const { tracks, scene } = data, size = 3 * scene.joints.length
  const at = await unpack(packed, tracks.stretches, scene.joints.length), each = Math.ceil(tracks.frames / tracks.stretch)
  return tracks.people.map((title, k) => {
    const points = new Float32Array(size * tracks.frames), loaded = new Set(), centre = tracks.centre[k]
    return { title, points, length: tracks.frames, centre, extent: tracks.extent[k], mean: new Float64Array(size), load(frame) {
      const place = Math.floor(frame / tracks.stretch)
      if (loaded.has(place)) return
      loaded.add(place)
      const part = at(k * each + place), start = place * tracks.stretch * size, shift = part.centre.map((value, axis) => value - centre[axis])
      for (let i = 0; i < part.points.length; i++) points[start + i] = part.points[i] + shift[i % 3]
    } }
  })
}

async function mountTimeline(host, model) {
  const data = model.get('data'), root = openRoot(host, STYLE + TIMELINE_STYLE), live = !model.page, { labels, lanes } = data
  const state = { selected: null, border: null, person: '', lane: 0, label: null, differ: -1, preview: null }
  const store = openEdits(data, item => { panel.arrange(); if (item) keep(); fillChosen(); fillBar() })
  const button = (text, title, onclick, className = '') => make('button', { type: 'button', textContent: text, title, onclick, className })

  const pick = (className, title, values, onchange) => make('select', { className, title, ariaLabel: title, onchange: event => onchange(event.target.value) },
    ...values.map(([value, textContent]) => make('option', { value, textContent })))

  // ---- video, people, clock
  const video = data.video ? make('video', { src: live ? inLab(data.video) : data.video, preload: 'auto', playsInline: true }) : null
  const lack = make('p', { className: 'problem' })
  video?.addEventListener('error', () => { lack.textContent = `The video is not found or cannot be played: ${decodeURI(data.video)}`; video.style.display = 'none' })
  const stage = data.tracks && createStage(root, data.scene, { height: 200, bare: true, ghosts: false }), element = make('div', { className: 'timeline' })
  let stamps = null
  const clock = createClock(video, data, time => {
    panel.head(time)
    if (clock.playing()) panel.follow(time)
    if (stamps) stage.seek(Math.max(0, after(stamps, time + 1e-4) - 1))
    timeLine.textContent = `${moment(time)} of ${moment(data.length, 1)}`
    play.textContent = clock.playing() ? '❚❚ Pause' : '▶ Play'
  })
  clock.element = element

  const choose = (item, playing) => {
    state.selected = item
    state.border = null
    const { start, end, lane } = store.holds(item) ?? item
    state.lane = lane
    panel.reveal(start, end)
    clock.seek(start)
    if (playing) clock.play(true, Math.max(end, start + SHORTEST))
    fillChosen()
    fillBar()
  }
  const looked = make('div', { className: 'looked' })
  const panel = lanesPanel(root, data, state, store, {
    pick: item => choose(item, true),
    seek: (time, lane) => { clock.play(false); clock.seek(time); if (lane != null) state.lane = lane },
    moved: (item, times) => { state.selected = item; store.change(item, times); clock.seek(times.start) },
    add: (lane, time) => addAt(time, lane),
    looked: box => { looked.textContent = box ? about(box.item, box) : 'drag moves, click, then the wheel zooms; a double click on an empty place makes a segment' },
  })
  const timed = (start, end) => `${moment(start)} – ${moment(end)} (${(end - start).toFixed(2)} s)`
  const VERDICTS = { accepted: 'accepted', rejected: 'rejected', changed: 'changed', added: 'added' }
  const whose = item => item.source === OTHERS ? data.sources.other : item.source === MACHINES ? 'machine' : item.added ? 'yours' : 'coded'
  const about = (item, { label, start, end }) => [labels[label] || '(no label)', timed(start, end), whose(item) + (item.sure == null ? '' : `, sure ${percent(item.sure)}`),
    VERDICTS[item.edit?.verdict] ?? (item.source === MACHINES ? 'not looked at yet' : '')].filter(Boolean).join(' · ')

  // ---- the chosen segment
  const chosen = make('section', { className: 'chosen', ariaLabel: 'chosen segment', ariaLive: 'polite' })
  function fillChosen() {
    const item = state.selected
    if (!item) return chosen.replaceChildren(make('p', { textContent: 'Click a segment: it plays, and can be accepted, rejected or changed here or with the keys below.' }))
    const holds = store.holds(item), { label, start, end, lane } = holds ?? item, mine = item.source !== OTHERS
    const where = [lanes[lane].tier, lanes[lane].person].filter(Boolean).join(' · '), likely = strips?.likeliest(lanes[lane].person, start, end).slice(0, 3) ?? []
    const lines = [where, timed(start, end), [whose(item) + (item.sure == null ? '' : `, sure ${percent(item.sure)}`), item.edit?.verdict ?? (item.source === MACHINES ? 'not looked at yet' : '')]
      .filter(Boolean).join(' · ')]
    if (holds && item.source === MACHINES && item.edit.verdict === 'changed') lines.push(`the machine said: ${labels[item.label] || '(no label)'}, ${timed(item.start, item.end)}`)
    if (likely.length) lines.push('likeliest here: ' + likely.map(([id, share]) => `${labels[id]} ${percent(share)}`).join(', '))
    if (state.border) lines.push(`← → move its ${state.border} by a frame, with Shift by ten; Esc leaves it`)
    if (item.fixed) lines.push('its times are those of the annotation that it depends on')
    chosen.replaceChildren(make('h3', { textContent: labels[label] || '(no label)' }), ...lines.filter(Boolean).map(textContent => make('p', { textContent })),
      make('div', { className: 'bar' }, button('▶', 'play it (Enter)', playIt), ...(mine ? [button('✓ accept', 'a', () => store.accept(item), 'accept'),
        button('✗ reject', 'x', () => store.reject(item), 'reject'), button('✎ label', 'r', relabel, 'label')] : [])))
  }
  const playIt = () => { if (state.selected) choose(state.selected, true) }

  // Labels that have what was typed in them; without any, the likeliest here come first.
  function relabel() {
    const item = state.selected
    if (!item || item.source === OTHERS) return
    const { start, end, lane, label } = store.holds(item) ?? item
    const likely = strips?.likeliest(lanes[lane].person, start, end).map(([id]) => id) ?? []
    const order = [...new Set([...likely, ...labels.keys()])].filter(id => labels[id])
    const input = make('input', { ariaLabel: 'another label', placeholder: 'type a label', autocomplete: 'off', role: 'combobox', maxLength: 1000 })
    const list = make('ul', { role: 'listbox', id: 'labels' })
    input.setAttribute('aria-controls', 'labels')
    let found = [], at = 0
    const fill = () => {
      const typed = input.value.trim(), low = typed.toLocaleLowerCase()
      const begins = id => labels[id].toLocaleLowerCase().split(/[\s_-]+/).some(word => word.startsWith(low))
      found = order.filter(id => labels[id].toLocaleLowerCase().includes(low)).sort((a, b) => begins(b) - begins(a)).slice(0, MOST_LISTED)
      if (typed && !labels.includes(typed)) found.push(typed)
      at = Math.min(at, Math.max(0, found.length - 1))
      list.replaceChildren(...found.map((one, i) => make('li', { role: 'option', ariaSelected: i === at, onmousedown: event => { event.preventDefault(); done(one) },
        textContent: typeof one === 'number' ? labels[one] : `new label: ${one}` })))
    }
    const done = one => {
      input.onblur = null
      if (one != null) store.relabel(item, state.label = typeof one === 'number' ? one : store.labelled(one))
      fillChosen()
      panel.canvas.focus({ preventScroll: true })
    }
    input.oninput = () => { at = 0; fill() }
    input.onblur = fillChosen
    input.onkeydown = event => {
      event.stopPropagation()
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') { at = (at + (event.key === 'ArrowDown' ? 1 : -1) + found.length) % Math.max(1, found.length); fill() }
      else if (event.key === 'Enter') done(found[at])
      else if (event.key === 'Escape') done(null)
      else return
      event.preventDefault()
    }
    fill()
    chosen.replaceChildren(make('h3', { textContent: labels[label] || '(no label)' }), make('p', { textContent: 'Type to choose, Enter takes it, Esc leaves it as it is.' }),
      make('div', { className: 'relabel' }, input, list))
    input.focus({ preventScroll: true })
  }
  function addAt(time, lane = state.lane) {
    const start = panel.snap(time), item = store.add(lane, start, Math.min(data.length, panel.snap(start + 1)), state.label ?? store.labelled(''))
    choose(item, false)
    relabel()
  }
  function moveBorder(by) {
    const item = state.selected, { start, end } = store.holds(item) ?? item, frame = data.tracks?.step ?? UNTIED
    const times = { start, end }, place = panel.snap(times[state.border] + by * frame * 1.001)
    times[state.border] = place
    if (times.end - times.start < frame / 2 || place < 0) return
    store.change(item, times, state.border)
    clock.play(false)
    clock.seek(place)
    panel.reveal(place, place)
  }
  function grip(border) {
    const item = state.selected
    if (!item || item.source === OTHERS || item.fixed || item.edit?.verdict === 'rejected') return
    state.border = border
    clock.play(false)
    clock.seek((store.holds(item) ?? item)[border])
    fillChosen()
    panel.draw()
  }
  // The segment that begins after the chosen one, or else after now, or before it; of those that pass.
  function goOn(by, passes = () => true) {
    const place = item => (store.holds(item) ?? item).start
    const all = store.items.filter(item => item.source !== OTHERS && (!item.added || item.edit) && (state.person === '' || lanes[item.lane].person === state.person) && passes(item))
      .map(item => [place(item), item]).sort((a, b) => a[0] - b[0])
    const here = state.selected ? all.findIndex(([, item]) => item === state.selected) : -1, now = state.selected ? place(state.selected) : clock.now()
    const at = here >= 0 ? here + by : by > 0 ? all.findIndex(([start]) => start > now - 1e-9) : all.findLastIndex(([start]) => start < now)
    if (all[at]) choose(all[at][1], false)
  }
  const unseen = item => item.source === MACHINES && !item.edit

  // ---- moments where two coders differ
  const differ = make('div', { className: 'bar differ' }), said = make('span', { className: 'said', ariaLive: 'polite' })
  let playlist = data.playlist
  function goDiffer(by) {
    if (!playlist.length) return
    state.differ = state.differ < 0 && by < 0 ? playlist.length - 1 : (state.differ + by + playlist.length) % playlist.length
    const { start, end, coder_1, label_1, coder_2, label_2, person, kind } = playlist[state.differ]
    said.replaceChildren(make('b', { textContent: `${state.differ + 1} of ${playlist.length}` }), ` · ${moment(start)} · ${person ? person + ' · ' : ''}`
      + `${coder_1}: ${label_1 || 'nothing'} · ${coder_2}: ${label_2 || 'nothing'} · ${kind}`)
    const room = Math.max(2, end - start)
    panel.show(start - room, end + room)
    const near = store.items.filter(item => item.source !== OTHERS && !item.added && item.start >= start - 1e-3 && item.end <= end + 1e-3 && (!person || lanes[item.lane].person === person))
    state.selected = near.find(item => [label_1, label_2].includes(labels[item.label])) ?? near[0] ?? null
    state.border = null
    clock.seek(start)
    clock.play(true, Math.max(end, start + SHORTEST))
    fillChosen()
  }
  if (data.playlist.length) {
    said.textContent = `${playlist.length} moments where two coders differ`
    const kinds = Object.entries(Object.groupBy(playlist, one => one.kind)), kind = pick('kind', 'which differences', [['', `all (${playlist.length})`],
      ...kinds.map(([name, ones]) => [name, `${name} (${ones.length})`])], value => {
      playlist = data.playlist.filter(one => !value || one.kind === value)
      state.differ = -1
      goDiffer(1)
    })
    differ.append('Differences', kind, button('‹', 'the one before (p)', () => goDiffer(-1), 'before'), button('›', 'next (n)', () => goDiffer(1), 'next'), said)
  }

  // ---- controls
  const play = button('▶ Play', 'space', () => clock.play(!clock.playing()), 'play'), timeLine = make('output', { className: 'time' })
  const speed = pick('speed', 'how fast it plays', [0.1, 0.25, 0.5, 1, 2, 4].map(value => [value, value + '×']), value => clock.speed(+value))
  speed.value = 1
  const names = [...new Set(lanes.map(lane => lane.person))]
  const person = names.length > 1 ? make('label', {}, 'person', pick('person', 'whose lanes are shown', [['', 'all'], ...names.filter(Boolean).map(name => [name, name])],
    value => { state.person = value; panel.arrange() })) : ''
  const undo = button('↶ undo', 'Ctrl Z', () => stepBack(true), 'undo'), redo = button('↷ redo', 'Ctrl Y', () => stepBack(false), 'redo')
  const progress = make('span', { className: 'progress' }), outcome = make('span', { className: 'outcome', ariaLive: 'polite' })
  function stepBack(back) { const item = store.step(back); if (item) { state.selected = item.added && !item.edit ? null : item; fillChosen(); panel.draw() } }
  function fillBar() {
    const machines = store.items.filter(item => item.source === MACHINES), [done, undone] = store.steps()
    progress.textContent = [machines.length ? `${machines.filter(item => item.edit).length} of ${machines.length} of the machine looked at` : '',
      `${store.items.filter(item => item.edit).length} edits`].filter(Boolean).join(' · ')
    undo.disabled = !done
    redo.disabled = !undone
  }

  // ---- what is kept
  const place = `mbnb edits ${data.name} ${data.digest}`
  const tell = (className, textContent) => Object.assign(outcome, { className: 'outcome ' + className, textContent })
  let later = 0, ask = 0
  function keep() {
    clearTimeout(later)
    tell('unsaved', 'saving …')
    later = setTimeout(() => {
      const content = store.content()
      try { localStorage.setItem(place, JSON.stringify(content)) } catch { tell('unsaved', 'this browser keeps nothing: download the edits'); if (!live) return }
      if (!live) return tell('saved', 'kept in this browser; download the edits to apply them')
      const question = ++ask
      model.send({ kind: 'edits', ask: question, edits: content })
      setTimeout(() => { if (outcome.textContent === 'saving …' && question === ask) tell('unsaved', 'no answer: the kernel is busy, or gone; this browser keeps them') }, 4000)
    }, 300)
  }
  model.on?.('msg:custom', answer => { if (answer.kind === 'edits' && answer.ask === ask) tell(answer.problem ? 'unsaved' : 'saved', answer.problem ?? answer.text) })
  const download = button(`download ${data.file}`, 'a file for `python -m mbnb coding FILE --edits`', () => {
    make('a', { href: URL.createObjectURL(new Blob([JSON.stringify(store.content(), null, 1) + '\n'], { type: 'application/json' })), download: data.file }).click()
  }, 'download')
  const restored = (content, from) => {
    const odd = store.restore(content)
    if (odd < 0) return tell('unsaved', `${from}: no edits of a timeline`)
    if (content.edits.length) tell(odd ? 'unsaved' : 'saved', `${content.edits.length - odd} edits from ${from}` + (odd ? `, ${odd} could not be read` : ''))
  }
  const file = make('input', { type: 'file', accept: '.json', ariaLabel: 'a file of edits', onchange: async () => {
    let content = null
    try { content = JSON.parse(await file.files[0].text()) } catch { /* said below */ }
    restored(content, file.files[0].name)
    if (content) keep()
    file.value = ''
  } })
  file.style.display = 'none'

  const forget = () => {
    if (!confirm('Forget all edits of this recording?')) return
    store.restore({ ...store.content(), edits: [] })
    keep()
  }

  // ---- keys
  const onKey = event => {
    const { key } = event, mod = event.ctrlKey || event.metaKey, target = event.composedPath()[0], writing = target.matches?.('input:not([type=file]), select, textarea')
    if (writing || event.altKey || event.defaultPrevented) return
    const item = state.selected, frames = event.shiftKey ? 10 : 1, frame = data.tracks?.step ?? UNTIED
    const by = { ArrowLeft: -frames, ArrowRight: frames }[key]
    const acts = mod ? { z: () => stepBack(!event.shiftKey), Z: () => stepBack(false), y: () => stepBack(false) } : {
      a: () => item && store.accept(item), x: () => item && store.reject(item), r: relabel, s: () => grip('start'), e: () => grip('end'), i: () => addAt(clock.now()), u: () => goOn(1, unseen),
      n: () => goDiffer(1), p: () => goDiffer(-1), '+': () => panel.zoom(0.5), '=': () => panel.zoom(0.5), '-': () => panel.zoom(2), '−': () => panel.zoom(2), 0: () => panel.show(0, data.length),
      ArrowUp: () => goOn(-1), ArrowDown: () => goOn(1), Escape: () => { state.border = null; fillChosen(); panel.draw() },
      Home: () => { clock.seek(0); panel.follow(0) }, End: () => { clock.seek(data.length); panel.follow(data.length) } }
    const at = target.tagName === 'BUTTON'
    if (!mod && !at) Object.assign(acts, { ' ': () => clock.play(!clock.playing()), Enter: playIt })
    if (!mod && by && !target.matches?.('canvas.skeleton')) acts[key] = () => {
      if (state.border && item) return moveBorder(by)
      clock.play(false)
      clock.seek(panel.snap(clock.now() + by * frame * 1.001))
      panel.follow(clock.now())
    }
    if (!Object.hasOwn(acts, key)) return
    event.preventDefault()
    acts[key]()
  }
  element.addEventListener('keydown', onKey)
  // In a page of its own, keys work wherever nothing else has the focus.
  if (!live) document.addEventListener('keydown', event => { if (event.target === document.body) onKey(event) })

  // ---- all together
  let strips = null
  const people = make('div', { className: 'people' }, stage?.element ?? '')
  element.append(make('div', { className: 'over-lanes' }, make('div', { className: 'top' }, ...(video ? [video] : []), ...(stage ? [people] : []), make('div', { className: 'chosen' }, lack, chosen)),
    make('div', { className: 'bar' }, play, timeLine, make('label', {}, 'speed', speed), button('−', 'zoom out', () => panel.zoom(2), 'out'), button('+', 'zoom in', () => panel.zoom(0.5), 'in'),
      button('all', 'all of it (0)', () => panel.show(0, data.length), 'all'), person, undo, redo, progress),
    ...(data.playlist.length ? [differ] : [])), panel.element, looked,
    make('div', { className: 'bar' }, download, ...(live ? [] : [button('open edits', 'a file that was downloaded before', () => file.click()), file]),
      button('forget all', 'all edits of this recording', forget, 'forget'), outcome),
    make('div', { className: 'keys' }, ...KEYS.flatMap(([key, text]) => [...key.split(' ').flatMap(one => [make('kbd', { textContent: one }), ' ']), text + ' \u00a0 '])))
  root.append(element)
  panel.arrange()
  fillChosen()
  let kept = model.get('edits'), from = data.file
  try { // what was edited last, here or in the file
    const here = JSON.parse(localStorage.getItem(place) ?? 'null')
    if (here && !(kept?.saved >= here.saved)) [kept, from] = [here, 'this browser']
  } catch { /* nothing that can be read is kept here */ }
  if (kept?.edits) restored(kept, from)
  if (live && from === 'this browser') keep()
  fillBar()
  clock.seek(0)
  root.timeline = { data, state, store, clock, panel } // for scripts that drive the page
  strips = data.strip.length ? await openStrips(data) : null
  panel.fill(strips)
  if (stage) {
    const clips = await openTracks(data, model.get('poses')), times = summed(await inflate(fromText(data.tracks.times)))
    stage.show(clips)
    panel.fill(null, stamps = times)
    clock.seek(clock.now())
  }
  root.timeline.ready = true
}

// In JupyterLab, files are not where the page is: an address as seen from the notebook becomes that of the server.
function inLab(address) {
  const place = location.pathname.replace(/\/(lab|doc|notebooks)(\/workspaces\/[^/]+)?(\/tree)?\//, '/files/')
  return new URL(address, location.origin + place).href
}
