// Bodies with a surface that move. Needs player.js. Rotations come as 16-bit numbers, two columns of each; skinning happens here.

async function readMeshes(bytes, about) {
  const packed = new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength)
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))
  const whole = await new Response(stream).arrayBuffer()
  let at = 0
  const take = (kind, count) => { // parts are padded to four bytes
    const part = new kind(whole, at, count)
    at += 4 * Math.ceil(part.byteLength / 4)
    return part
  }
  const { vertices, joints, faces, people } = about
  const surface = { faces: take(Uint32Array, 3 * faces), of: take(Uint8Array, 4 * vertices), weights: take(Uint8Array, 4 * vertices) }
  return {
    ...surface,
    people: people.map(person => ({
      ...person, rest: take(Float32Array, 3 * vertices), joints: take(Float32Array, 3 * joints),
      place: take(Float32Array, 3 * about.frames), six: take(Int16Array, 6 * joints * about.frames),
    })),
  }
}

// The vertices of a person in a frame, about where the person is; null where nobody was found.
function skin(mesh, person, parents, frame) {
  const count = parents.length, turn = new Float32Array(9 * count), shift = new Float32Array(3 * count), spot = new Float32Array(3 * count)
  if (!(person.place[3 * frame] === person.place[3 * frame])) return null
  for (let k = 0; k < count; k++) {
    const s = 6 * (count * frame + k), own = [0, 2, 4, 1, 3, 5].map(i => person.six[s + i] / 32767), [a, b] = [own.slice(0, 3), own.slice(3)]
    const c = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], p = parents[k]
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) {
      const column = [a, b, c][j]
      turn[9 * k + 3 * i + j] = p < 0 ? column[i] : turn[9 * p + 3 * i] * column[0] + turn[9 * p + 3 * i + 1] * column[1] + turn[9 * p + 3 * i + 2] * column[2]
    }
    for (let i = 0; i < 3; i++) {
      let at = p < 0 ? person.place[3 * frame + i] : spot[3 * p + i]
      if (p >= 0) for (let j = 0; j < 3; j++) at += turn[9 * p + 3 * i + j] * (person.joints[3 * k + j] - person.joints[3 * p + j])
      spot[3 * k + i] = at
    }
    for (let i = 0; i < 3; i++) {
      shift[3 * k + i] = spot[3 * k + i]
      for (let j = 0; j < 3; j++) shift[3 * k + i] -= turn[9 * k + 3 * i + j] * person.joints[3 * k + j]
    }
  }
  const vertices = new Float32Array(person.rest.length)
  for (let v = 0; v < vertices.length / 3; v++) for (let w = 4 * v; w < 4 * v + 4; w++) {
    const share = mesh.weights[w] / 255, k = mesh.of[w], [x, y, z] = [person.rest[3 * v], person.rest[3 * v + 1], person.rest[3 * v + 2]]
    if (share) for (let i = 0; i < 3; i++) {
      const m = 9 * k + 3 * i
      vertices[3 * v + i] += share * (turn[m] * x + turn[m + 1] * y + turn[m + 2] * z + shift[3 * k + i])
    }
  }
  return vertices
}

async function mountMesh(host, model) {
  const about = model.get('data'), root = openRoot(host, STYLE), mesh = await readMeshes(model.get('poses'), about)
  const canvas = make('canvas', { className: 'mesh', role: 'img', ariaLabel: 'bodies', tabIndex: 0 })
  canvas.style.height = about.height + 'px'
  const play = make('button', { className: 'play', type: 'button' }), time = make('output', { className: 'time' })
  const slider = make('input', { className: 'frame', type: 'range', min: 0, max: about.frames - 1, value: 0, ariaLabel: 'frame' })
  const names = make('span', {}, ...about.people.flatMap(({ title, colour }) => {
    const dot = make('span', { textContent: '●' })
    dot.style.color = `rgb(${colour})`
    return [dot, ` ${title} \u00a0 `]
  }))
  const hint = make('div', { className: 'hint' }, names, 'drag turns · click, then wheel zooms · double click resets · space plays')
  root.append(make('div', {}, canvas, make('div', { className: 'clock' }, play, slider, time), hint))
  let yaw, pitch, zoom, position = 0, playing = false, before = 0, pending = 0
  const now = () => Math.min(Math.floor(position + 1e-6), about.frames - 1)
  const touch = () => { pending = pending || requestAnimationFrame(draw) }

  function paint(pen, w, h) {
    const fit = zoom * Math.min(w / about.wide, h / about.tall), [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)]
    const shown = []
    for (const person of mesh.people) {
      const points = skin(mesh, person, about.parents, now())
      if (!points) continue
      for (let i = 0; i < points.length; i += 3) {
        const [x, y, z] = [points[i] - about.centre[0], points[i + 1] - about.centre[1], points[i + 2] - about.centre[2]], deep = x * sy + z * cy
        points[i] = w / 2 + fit * (x * cy - z * sy)
        points[i + 1] = h / 2 + fit * (y * cp - sp * deep)
        points[i + 2] = fit * (cp * deep + y * sp)
      }
      for (let f = 0; f < mesh.faces.length; f += 3) {
        const [a, b, c] = [3 * mesh.faces[f], 3 * mesh.faces[f + 1], 3 * mesh.faces[f + 2]]
        const [ux, uy, uz] = [points[b] - points[a], points[b + 1] - points[a + 1], points[b + 2] - points[a + 2]]
        const [vx, vy, vz] = [points[c] - points[a], points[c + 1] - points[a + 1], points[c + 2] - points[a + 2]]
        const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]
        if (nz >= 0) continue // it looks away
        const light = Math.max(0, (-0.35 * nx - 0.6 * ny - 0.72 * nz) / Math.hypot(nx, ny, nz, 1e-9))
        shown.push([points[a + 2] + points[b + 2] + points[c + 2], points, a, b, c, person.colour.map(v => Math.round(v * (0.35 + 0.65 * light)))])
      }
    }
    shown.sort((one, other) => other[0] - one[0])
    for (const [, points, a, b, c, colour] of shown) {
      pen.beginPath()
      pen.moveTo(points[a], points[a + 1]); pen.lineTo(points[b], points[b + 1]); pen.lineTo(points[c], points[c + 1]); pen.closePath()
      pen.fillStyle = pen.strokeStyle = `rgb(${colour})`
      pen.fill(); pen.stroke()
    }
  }

  function draw(moment) {
    pending = 0
    if (playing) {
      position = (position + (before ? Math.min(moment - before, 500) / 1000 * about.fps : 0)) % about.frames
      before = moment
      touch()
    }
    slider.value = now()
    time.textContent = `frame ${now()} of 0–${about.frames - 1} · ${(now() / about.fps).toFixed(2)} s`
    onCanvas(canvas, paint)
  }
  function setPlaying(on) { playing = on; before = 0; play.textContent = on ? '❚❚ Pause' : '▶ Play'; touch() }
  function reset() { [yaw, pitch] = about.view.map(v => v * Math.PI / 180); zoom = 1; touch() }
  canvas.onpointerdown = event => canvas.setPointerCapture(event.pointerId)
  canvas.onpointermove = event => {
    if (!event.buttons) return
    yaw += event.movementX * 0.01
    pitch = Math.max(-1.57, Math.min(1.57, pitch + event.movementY * 0.01))
    touch()
  }
  canvas.ondblclick = reset
  canvas.addEventListener('wheel', event => { // until it has been clicked, the wheel goes on scrolling the page
    if (root.activeElement !== canvas) return
    event.preventDefault()
    zoom = Math.max(0.3, Math.min(10, zoom * Math.exp(-event.deltaY * 0.0015)))
    touch()
  }, { passive: false })
  canvas.onkeydown = event => { if (event.key === ' ') { setPlaying(!playing); event.preventDefault() } }
  play.onclick = () => setPlaying(!playing)
  slider.oninput = () => { setPlaying(false); position = +slider.value }
  new ResizeObserver(touch).observe(canvas)
  root.onTheme(touch)
  reset()
  setPlaying(false)
}
