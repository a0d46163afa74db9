'use strict'
// Skeletons that move, several in step on one clock. Points are kept about their clip's centre, in metres: x right, y down, z away.

const STYLE = `
:host { display: block; container-type: inline-size; color-scheme: light; color: var(--text); background: var(--back); font: 13px/1.4 system-ui, sans-serif;
  --back: var(--jp-layout-color0, #fff); --raised: var(--jp-layout-color1, #f7f7f8); --line: var(--jp-border-color2, #ccc);
  --text: var(--jp-ui-font-color0, #222); --faint: #666; --left: #0072b2; --right: #e69f00; --middle: #777; --ghost: #d4d4d4; --mark: #009e73;
  --heat0: #cfd3d8; --heat1: #7a0177; --good: #00795a; --bad: #b34700; }
:host(.dark) { color-scheme: dark; --back: var(--jp-layout-color0, #17191d); --raised: var(--jp-layout-color1, #24272c); --line: var(--jp-border-color2, #555);
  --text: var(--jp-ui-font-color0, #eee); --faint: #aaa; --left: #56b4e9; --right: #e69f00; --middle: #b0b0b0; --ghost: #44484f; --mark: #00c896;
  --heat0: #4a4f57; --heat1: #ff8ad8; --good: #35c79b; --bad: #ff9d5c; }
* { box-sizing: border-box; } td, th, h3, button, option { unicode-bidi: plaintext; }
.stage { display: grid; gap: 4px; grid-template-columns: repeat(auto-fit, minmax(max(var(--narrowest, 170px), 24%), 1fr)); } /* at most four in a row */
figure { margin: 0; min-width: 0; }
figcaption:empty { display: none; }
figcaption { height: 36px; line-height: 18px; padding: 0 4px; text-align: center; overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.views { display: flex; }
.views > * { flex: 1 1 0; min-width: 0; }
canvas { display: block; width: 100%; cursor: grab; touch-action: none; }
canvas:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid var(--left); outline-offset: 1px; }
img { object-fit: contain; }
.strip { height: 8px; } canvas.strip { cursor: pointer; }
.clock { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; min-height: 36px; padding: 2px 8px; white-space: nowrap; }
button, select, input { font: inherit; color: var(--text); background: var(--raised); border: 1px solid var(--line); border-radius: 5px; }
button { padding: 3px 9px; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
button.play { min-width: 84px; padding: 5px 10px; font-weight: 600; border-color: var(--left); color: var(--back); background: var(--left); }
input[type=range] { flex: 1; min-width: 60px; accent-color: var(--left); }
label { display: inline-flex; align-items: center; gap: 4px; }
.hint { padding: 2px 8px; min-height: 24px; color: var(--faint); font-size: 12px; }
.time { font-variant-numeric: tabular-nums; }
.left { color: var(--left); } .right { color: var(--right); } .cold { color: var(--heat0); } .hot { color: var(--heat1); }
`

const SMALLER = 0.45, HAND = 0.24 // bones of hands and faces beside others; metres of a body that an enlarged hand shows

function make(tag, values = {}, ...children) {
  const node = document.createElement(tag)
  for (const [key, value] of Object.entries(values)) {
    if (key in node && key !== 'list') node[key] = value
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

// A corner of the page of our own, in the colours of JupyterLab's theme or, elsewhere, of the system's.
function openRoot(host, style) {
  // JupyterLab marks widgets without a kernel as broken, and ours are whole without one.
  host.replaceChildren(make('style', { textContent: '.jupyter-widgets-disconnected:has(> .mbnb)::before { content: none !important; }' }))
  const frame = make('div', { className: 'mbnb' })
  frame.dataset.lmSuppressShortcuts = 'true' // JupyterLab would take our keys for its own commands
  host.append(frame)
  const root = frame.attachShadow({ mode: 'open' })
  root.append(make('style', { textContent: style }))
  const listeners = new Set(), media = matchMedia('(prefers-color-scheme: dark)')
  const paint = () => {
    const theme = document.body.dataset.jpThemeLight
    frame.classList.toggle('dark', theme ? theme === 'false' : media.matches)
    for (const listener of listeners) listener()
  }
  new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name'] })
  media.addEventListener('change', paint)
  paint()
  const palette = {}
  root.onTheme = listener => { listeners.add(listener); listener() }
  root.color = name => palette[name] ??= getComputedStyle(frame).getPropertyValue('--' + name).trim()
  listeners.add(() => { for (const name in palette) delete palette[name] })
  return root
}

const fromText = text => {
  const raw = atob(text), bytes = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i)
  return bytes
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

// Points (T·J·3) of every clip from the bytes that mbnb.show.page.pack_poses wrote; each is made when it is first asked for.
async function unpack(bytes, about, joints) {
  const planes = await inflate(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength)), half = planes.length / 2
  const starts = [0]
  for (const length of about.length) starts.push(starts.at(-1) + 3 * joints * length)
  const made = new Map()
  return i => {
    if (!made.has(i)) {
      const length = about.length[i], points = new Float32Array(3 * joints * length)
      for (let line = 0, at = starts[i]; line < 3 * joints; line++) {
        for (let t = 0, count = 0; t < length; t++, at++) {
          const folded = planes[at] | planes[half + at] << 8
          count = count + (folded >> 1 ^ -(folded & 1)) << 16 >> 16
          points[3 * joints * t + line] = count === -32768 ? NaN : count * about.scale[i]
        }
      }
      made.set(i, { points, length, centre: about.centre[i] })
    }
    return made.get(i)
  }
}

const percent = share => share == null ? '–' : Math.round(100 * share) + ' %'

function mix(from, to, share) {
  const [a, b] = [from, to].map(hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)))
  return `rgb(${a.map((value, i) => Math.round(value + share * (b[i] - value)))})`
}

// A canvas whose pixels are the screen's; `draw(pen, width, height)` works in CSS pixels.
function onCanvas(canvas, draw) {
  const ratio = devicePixelRatio, w = canvas.clientWidth, h = canvas.clientHeight
  if (!w) { // hidden for now
    if (canvas.isConnected) setTimeout(() => onCanvas(canvas, draw), 250)
    return
  }
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio)
    canvas.height = Math.round(h * ratio)
  }
  const pen = canvas.getContext('2d')
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, w, h)
  draw(pen, w, h)
}

// Some clips side by side with one set of controls. `show(clips)` replaces them: {title, points, length, centre}, and where there are
// any `weights` of joints and `moments` of frames (0 to 255), `marked` joints, `pictures` (addresses of video frames), `below` (a node).
// Long ones bring `load(frame)`, which fills in points before they are drawn, and their `mean` pose and `extent`, [wide, tall].
function createStage(root, scene, { height, autoplay = false, bare = false, controlsFirst = false, ghosts = true } = {}) {
  const joints = scene.joints.length, small = scene.small, thin = Math.sqrt(17 / Math.max(small.filter(is => !is).length, 17))
  const stage = make('div', { className: 'stage' })
  const play = make('button', { className: 'play', type: 'button' })
  const slider = make('input', { className: 'frame', type: 'range', min: 0, value: 0, ariaLabel: 'frame' })
  const time = make('output', { className: 'time' }), where = make('span', { className: 'where' })
  const choice = (name, values, chosen, title) => make('select', { className: name, title }, ...values.map(
    value => make('option', { value, textContent: value + '×', selected: value === chosen })))
  const tick = (name, on, title = '') => make('input', { className: name, type: 'checkbox', checked: on, title })
  const speed = choice('speed', [0.1, 0.25, 0.5, 1, 2], 1, 'how fast it plays')
  const gain = choice('gain', [1, 2, 3, 5, 10], 1, 'movement about the mean pose, enlarged')
  const loop = tick('loop', true), trails = tick('trails', false), ghost = tick('ghost', ghosts), heat = tick('heat', false)
  const heatLabel = make('label', { title: 'how much each joint speaks for the prediction' }, heat, 'importance')
  const clock = make('div', { className: 'clock' }, play, slider, time, make('label', {}, 'speed', speed), make('label', {}, 'motion', gain),
    make('label', {}, loop, 'loop'), make('label', { title: 'where the joints were in the last half second' }, trails, 'trails'),
    make('label', { title: 'the first frame in grey' }, ghost, 'ghost'), heatLabel)
  const colours = make('span'), hintLine = make('div', { className: 'hint' }, colours, ' \u00a0 ', where)
  const stripLine = make('div', { className: 'hint about-strip' }, 'strip under a clip, from its first frame to its last: how much each moment speaks for the answer, from ',
    make('span', { className: 'cold', textContent: '■' }), ' not at all to ', make('span', { className: 'hot', textContent: '■' }), ' most; the line is now, and a click goes there')
  const legend = () => colours.replaceChildren(...(heat.checked ? [['cold', 'no importance'], ['hot', 'the greatest']] : [['left', 'left'], ['right', 'right']]).flatMap(
    ([className, text]) => [make('span', { className, textContent: '●' }), ` ${text} `]))
  legend()
  const element = make('div', {}, ...(bare ? [stage] : controlsFirst ? [clock, stage, stripLine, hintLine] : [stage, stripLine, clock, hintLine]))
  let clips = [], length = 1, wide = 0.05, tall = 0.05, reach = 0.05
  let visible = true, position = 0, playing = autoplay, before = 0, pending = 0, yaw, pitch, zoom, hover = null

  const frameNow = () => Math.min(Math.floor(position + 1e-6), length - 1)

  // Joints of a frame as [x, y in pixels, depth in metres], with the clip's movement about its mean pose enlarged.
  function project(clip, frame) {
    clip.load?.(Math.min(frame, clip.length - 1))
    const { clientWidth: w, clientHeight: h } = clip.canvas, times = +gain.value, at = 3 * joints * Math.min(frame, clip.length - 1)
    const fit = zoom * 0.9 * Math.min(w / 2 / wide, h / 2 / tall), distance = 5 * reach
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)], found = new Array(joints)
    for (let j = 0; j < joints; j++) {
      const m = 3 * j, at3 = at + m
      const x = clip.mean[m] + times * (clip.points[at3] - clip.mean[m])
      const y = clip.mean[m + 1] + times * (clip.points[at3 + 1] - clip.mean[m + 1])
      const z = clip.mean[m + 2] + times * (clip.points[at3 + 2] - clip.mean[m + 2])
      const deep = x * sy + z * cy, away = cp * deep + y * sp, near = fit * distance / Math.max(distance + away, 0.1 * distance)
      found[j] = [w / 2 + near * (x * cy - z * sy), h / 2 + near * (y * cp - sp * deep), away]
    }
    return found
  }

  // A hand from its wrist on, enlarged in a lower corner: the left one on the right, as of somebody who faces us.
  function drawHand(pen, points, hand, k, w, h, paint) {
    const seen = hand.filter(j => points[j][0] === points[j][0])
    if (seen.length < 2 || h < 120) return
    const size = 0.28 * Math.min(w, h), times = 0.8 * size / (HAND * zoom * 0.9 * Math.min(w / 2 / wide, h / 2 / tall))
    const [x, y] = [0, 1].map(i => (Math.min(...seen.map(j => points[j][i])) + Math.max(...seen.map(j => points[j][i]))) / 2)
    const left = k ? 4 : w - size - 4, top = h - size - 4, at = j => [left + size / 2 + times * (points[j][0] - x), top + size / 2 + times * (points[j][1] - y)]
    pen.save()
    pen.beginPath(); pen.rect(left, top, size, size); pen.clip()
    pen.fillStyle = root.color('back'); pen.fillRect(left, top, size, size)
    pen.lineWidth = Math.max(1.5, size / 40); pen.lineCap = 'round'
    for (const [a, b] of scene.bones) if (seen.includes(a) && seen.includes(b)) {
      pen.strokeStyle = paint(b)
      pen.beginPath(); pen.moveTo(...at(a)); pen.lineTo(...at(b)); pen.stroke()
    }
    for (const j of seen) { pen.beginPath(); pen.arc(...at(j), Math.max(2, size / 32), 0, 7); pen.fillStyle = paint(j); pen.fill() }
    pen.strokeStyle = root.color('ghost'); pen.lineWidth = 2; pen.strokeRect(left, top, size, size)
    pen.restore()
  }

  function drawClip(clip, index) {
    const now = frameNow(), points = project(clip, now), known = p => p[0] === p[0], color = root.color
    const weighed = heat.checked && clip.weights
    const paint = j => weighed ? mix(color('heat0'), color('heat1'), clip.weights[j] / 255) : color(scene.sides[j])
    onCanvas(clip.canvas, (pen, w, h) => {
      const unit = thin * zoom ** 0.5 * Math.min(w, h) / 70
      const line = (a, b, width, style, cap = 'round') => {
        pen.beginPath(); pen.moveTo(a[0], a[1]); pen.lineTo(b[0], b[1])
        pen.lineCap = cap; pen.lineWidth = width; pen.strokeStyle = style; pen.stroke()
      }
      if (ghost.checked) {
        const first = project(clip, 0)
        for (const [a, b] of scene.bones) if (known(first[a]) && known(first[b])) line(first[a], first[b], (small[b] ? 0.3 : 0.7) * unit, color('ghost'))
      }
      if (trails.checked) {
        const from = Math.max(0, now - Math.round(scene.fps / 2)), path = []
        for (let t = from; t <= Math.min(now, clip.length - 1); t++) path.push(project(clip, t))
        for (let j = 0; j < joints; j++) for (let k = 1; k < path.length; k++) if (known(path[k][j]) && known(path[k - 1][j])) {
          pen.globalAlpha = 0.7 * k / path.length
          line(path[k - 1][j], path[k][j], (small[j] ? 0.2 : 0.4) * unit + 0.5, paint(j))
        }
        pen.globalAlpha = 1
      }
      const bones = scene.bones.filter(([a, b]) => known(points[a]) && known(points[b]))
      bones.sort(([a, b], [c, d]) => points[c][2] + points[d][2] - points[a][2] - points[b][2])
      for (const [a, b] of bones) {
        const width = (small[b] ? SMALLER : 1) * unit * Math.min(2, Math.max(0.45, 1 - 0.6 * (points[a][2] + points[b][2]) / reach)) * (weighed ? 0.7 + clip.weights[b] / 170 : 1)
        line(points[a], points[b], width + (small[b] ? 1 : 3), color('back'), 'butt')
        line(points[a], points[b], width, paint(b))
      }
      points.forEach((p, j) => {
        if (!known(p)) return
        pen.beginPath(); pen.arc(p[0], p[1], 0.85 * (small[j] ? SMALLER : 1) * unit * (weighed ? 0.8 + clip.weights[j] / 170 : 1), 0, 7); pen.fillStyle = paint(j); pen.fill()
        if (!clip.marked?.has(j)) return
        pen.beginPath(); pen.arc(p[0], p[1], 1.5 * unit + 2, 0, 7); pen.lineWidth = 2; pen.strokeStyle = color('mark'); pen.stroke()
      })
      scene.hands.forEach((hand, k) => drawHand(pen, points, hand, k, w, h, paint))
      if (now >= clip.length) {
        pen.font = '12px sans-serif'; pen.textAlign = 'right'; pen.fillStyle = color('faint')
        pen.fillText('ended', w - 6, h - 6)
      }
      if (!hover || hover.index !== index || !known(points[hover.joint])) return
      const p = points[hover.joint], before = p[0] > w / 2
      pen.font = '600 13px sans-serif'
      pen.textAlign = before ? 'right' : 'left'
      pen.lineWidth = 4; pen.strokeStyle = color('back'); pen.fillStyle = color('text')
      for (const put of ['strokeText', 'fillText']) pen[put](scene.joints[hover.joint], p[0] + (before ? -10 : 10), Math.max(p[1] - 8, 14))
    })
    if (clip.strip) onCanvas(clip.strip, (pen, w, h) => {
      clip.moments.forEach((weight, t) => {
        pen.fillStyle = mix(color('heat0'), color('heat1'), weight / 255)
        pen.fillRect(w * t / length, 1, w / length + 0.5, h - 2)
      })
      pen.fillStyle = color('text')
      pen.fillRect(w * (Math.min(now, clip.length - 1) + 0.5) / length - 1, 0, 2, h)
    })
    if (clip.picture) {
      const address = clip.pictures[Math.min(Math.floor((now + 0.5) * clip.pictures.length / clip.length), clip.pictures.length - 1)]
      if (clip.picture.src !== address) clip.picture.src = address
    }
  }

  function drawAll(now) {
    pending = 0
    if (!stage.clientWidth) { // not there, or hidden, as JupyterLab does for a moment when its theme changes
      before = 0
      if (element.isConnected) setTimeout(touch, 250)
      return
    }
    if (playing && !visible) { // nobody looks: rest until it is scrolled to
      before = 0
      return
    }
    if (playing) {
      position += before ? Math.min(now - before, 500) / 1000 * scene.fps * speed.value : 0
      before = now
      if (position >= length && loop.checked) position %= length
      else if (position >= length) { position = length - 1; setPlaying(false) }
      touch()
    }
    slider.value = frameNow()
    time.textContent = `frame ${frameNow()} of 0–${length - 1} · ${(frameNow() / scene.fps).toFixed(2)} s`
    const clip = hover && clips[hover.index], at = hover && 3 * (joints * Math.min(frameNow(), clip.length - 1) + hover.joint)
    where.textContent = hover
      ? `${scene.joints[hover.joint]}: ${['x', 'y', 'z'].map((axis, k) => `${axis} ${(clip.points[at + k] + clip.centre[k]).toFixed(4)}`).join(', ')} m`
        + (clip.weights ? ` · importance ${(clip.weights[hover.joint] / 255).toFixed(2)}` : '')
      : 'drag turns · click, then wheel zooms · double click resets · space plays · ← → step'
    clips.forEach(drawClip)
  }

  function touch() { pending = pending || requestAnimationFrame(drawAll) }
  function setPlaying(on) {
    playing = on
    before = 0
    if (on && !loop.checked && frameNow() === length - 1) position = 0
    play.textContent = on ? '❚❚ Pause' : '▶ Play'
    touch()
  }
  function step(by) { setPlaying(false); position = (frameNow() + by + length) % length }
  function reset() { [yaw, pitch] = scene.view.map(v => v * Math.PI / 180); zoom = 1; touch() }

  function show(shown) {
    const size = 3 * joints
    hover = null
    clips = shown.map((given, index) => {
      const clip = { ...given }, sum = new Float64Array(size), seen = new Float64Array(size)
      if (!clip.mean) {
        for (let i = 0; i < clip.points.length; i++) if (clip.points[i] === clip.points[i]) { sum[i % size] += clip.points[i]; seen[i % size]++ }
        clip.mean = sum.map((v, i) => v / seen[i])
      }
      clip.canvas = make('canvas', { className: 'skeleton', role: 'img', ariaLabel: 'skeleton ' + clip.title, tabIndex: 0 })
      clip.canvas.style.height = height + 'px'
      const views = make('div', { className: 'views' }, clip.canvas)
      if (clip.pictures?.length) {
        clip.picture = make('img', { alt: 'video of ' + clip.title })
        clip.picture.style.height = height + 'px'
        views.append(clip.picture)
      }
      clip.figure = make('figure', {}, make('figcaption', { textContent: clip.title, title: clip.title }), views)
      if (clip.moments) {
        clip.strip = make('canvas', { className: 'strip', title: 'how much each frame speaks for the prediction; click goes there' })
        clip.strip.onclick = event => { setPlaying(false); position = Math.min(length - 1, event.offsetX / clip.strip.clientWidth * length) }
        clip.figure.append(clip.strip)
      } else if (shown.some(other => other.moments)) clip.figure.append(make('div', { className: 'strip' }))
      if (clip.below) clip.figure.append(clip.below)
      listen(clip, index)
      return clip
    })
    stage.replaceChildren(...clips.map(clip => clip.figure))
    length = Math.max(1, ...clips.map(clip => clip.length))
    wide = tall = 0.05
    for (const { points, extent } of clips) {
      if (extent) [wide, tall] = [Math.max(wide, extent[0]), Math.max(tall, extent[1])]
      else for (let i = 0; i < points.length; i += 3) if (points[i] === points[i]) {
        wide = Math.max(wide, Math.hypot(points[i], points[i + 2]))
        tall = Math.max(tall, Math.abs(points[i + 1]))
      }
    }
    reach = Math.max(wide, tall)
    heatLabel.style.display = clips.some(clip => clip.weights) ? '' : 'none'
    stripLine.style.display = clips.some(clip => clip.moments) ? '' : 'none'
    slider.max = length - 1
    position = 0
    before = 0
    touch()
  }

  function listen(clip, index) {
    const { canvas } = clip
    canvas.onpointerdown = event => canvas.setPointerCapture(event.pointerId)
    canvas.onpointermove = event => {
      if (event.buttons) {
        yaw += event.movementX * 0.01
        pitch = Math.max(-1.57, Math.min(1.57, pitch + event.movementY * 0.01))
      }
      const far = project(clip, frameNow()).map(p => Math.hypot(p[0] - event.offsetX, p[1] - event.offsetY))
      const nearest = Math.min(...far.filter(d => d < 14))
      hover = !event.buttons && nearest < 14 ? { index, joint: far.indexOf(nearest) } : null
      touch()
    }
    canvas.onpointerleave = () => { hover = null; touch() }
    canvas.ondblclick = reset
    // Until the skeleton has been clicked, the wheel goes on scrolling the page that holds it.
    canvas.addEventListener('wheel', event => {
      if (root.activeElement !== canvas) return
      event.preventDefault()
      zoom = Math.max(0.3, Math.min(10, zoom * Math.exp(-event.deltaY * 0.0015)))
      touch()
    }, { passive: false })
  }

  play.onclick = () => setPlaying(!playing)
  slider.oninput = () => { setPlaying(false); position = +slider.value }
  for (const control of [gain, trails, ghost]) control.onchange = touch
  heat.onchange = () => { legend(); touch() }
  element.onkeydown = event => {
    const at = event.target
    if (event.key === ' ' && (at === slider || at.tagName === 'CANVAS')) setPlaying(!playing)
    else if (event.key === 'ArrowLeft' && at.tagName === 'CANVAS') step(-1)
    else if (event.key === 'ArrowRight' && at.tagName === 'CANVAS') step(1)
    else return
    event.preventDefault()
  }
  new ResizeObserver(touch).observe(stage)
  new IntersectionObserver(entries => { visible = entries.at(-1).isIntersecting; touch() }).observe(element)
  root.onTheme(touch)
  reset()
  setPlaying(playing)
  return { element, show, play: setPlaying, now: frameNow, seek: frame => { position = Math.min(frame, length - 1); touch() } }
}

async function mountPlayer(host, model) {
  const { scene, clips } = model.get('data'), root = openRoot(host, STYLE)
  const stage = createStage(root, scene, scene)
  root.append(stage.element)
  const clipAt = await unpack(model.get('poses'), clips, scene.joints.length)
  stage.show(clips.title.map((title, i) => ({
    title, ...clipAt(i), marked: new Set(scene.marked), weights: clips.weights?.[i], moments: clips.moments?.[i], pictures: clips.pictures?.[i] })))
}

// In a page nobody answers: values are read from the JSON inside each fragment.
function mountPage(mounts) {
  for (const host of document.querySelectorAll('.mbnb-view')) {
    const values = JSON.parse(host.querySelector('script').textContent)
    values.poses = fromText(values.poses)
    mounts[host.dataset.mount](host, { get: key => values[key], page: true })
  }
}
