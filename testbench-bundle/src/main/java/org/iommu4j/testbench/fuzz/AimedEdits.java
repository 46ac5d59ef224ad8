package org.iommu4j.testbench.fuzz;

import java.io.ByteArrayOutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;

/**
 * Makes up rounds that aim at one translation: a device uses it, one of the entries that it came from is edited, what has to drop it
 * is given, and the device uses it again. Then the entry becomes what it was, in the same way. A chip or a driver that loses one
 * kind of command shows it at once, where random commands would seldom meet the entry. Behind a driver a round may unbind and bind
 * again what leads there.
 *
 * <p>Rounds come first in a case, while the ways are as software has set them up.
 */
final class AimedEdits {
    private static final int MOST_ROUNDS = 8;
    private static final int MOST_OTHERS = 3;
    private static final int REBIND_OF = 4;

    /** Most granules by which a request reaches beyond what it has to, at either end. */
    private static final int MOST_BORDER = 24;

    private static final List<String> ACCESSES = List.of("read", "read", "write");

    private final SplittableRandom random;
    private final Setup setup;
    private final FuzzScene scene;
    private final Generation generation;

    /** Rounds of a scene, drawn from the random numbers of the case. */
    AimedEdits(Backend backend, Setup setup, FuzzScene scene, SplittableRandom random) {
        this.random = random;
        this.setup = setup;
        this.scene = scene;
        generation = backend.describe().generation(setup.subVersion());
    }

    /** Adds some rounds, if the scene has ways. */
    void addTo(List<Action> actions) {
        if (scene.ways().isEmpty()) {
            return;
        }
        List<FuzzScene.Way> ways = setup.driver() ? lead(actions) : scene.ways();
        for (int i = random.nextInt(MOST_ROUNDS); i >= 0; i--) {
            round(actions, ways);
        }
        if (setup.driver()) {
            ways.stream().map(FuzzScene.Way::requester).distinct().forEach(requester -> detach(actions, requester));
        }
    }

    /** Attaches and binds each device by one of its ways, or PASID by PASID; the ways that are open then. */
    private List<FuzzScene.Way> lead(List<Action> actions) {
        Map<Integer, FuzzScene.Way> chosen = new LinkedHashMap<>();
        for (FuzzScene.Way way : scene.ways()) {
            if (!chosen.containsKey(way.requester()) || random.nextInt(3) == 0) {
                chosen.put(way.requester(), way);
            }
        }
        List<FuzzScene.Way> open = scene.ways().stream()
                .filter(way -> isBeside(way, chosen.get(way.requester())))
                .toList();
        chosen.values().forEach(way -> attach(actions, way));
        open.stream().map(FuzzScene.Way::bind).filter(Objects::nonNull).distinct().forEach(bind -> bind(
                actions, bind, 0));
        return open;
    }

    /** True if a device may have both ways at the same time. */
    private static boolean isBeside(FuzzScene.Way way, FuzzScene.Way other) {
        boolean pasids = way.bind() != null
                && other.bind() != null
                && way.bind().operation() == Uapi.BIND_PASID
                && other.bind().operation() == Uapi.BIND_PASID;
        return pasids || (Objects.equals(way.bind(), other.bind()) && Objects.equals(way.root(), other.root()));
    }

    private static void attach(List<Action> actions, FuzzScene.Way way) {
        FuzzScene.Root root = way.root();
        actions.add(new Action.Plain(Steps.step(
                "attach",
                "requester",
                Steps.hex(Integer.toUnsignedLong(way.requester())),
                "table",
                root == null ? null : Steps.hex(root.table()),
                "levels",
                root == null ? null : root.levels())));
    }

    private void bind(List<Action> actions, FuzzScene.Bind bind, int flags) {
        byte[] request = writer().bind(bind.operation(), bind.flags() | flags, bind.payload());
        actions.add(new Action.Plain(CaseRun.ioctl(request, Abi.LP64_LE)));
    }

    private static void detach(List<Action> actions, int requester) {
        actions.add(new Action.Plain(
                Steps.step("detach", "requester", Steps.hex(Integer.toUnsignedLong(requester)))));
    }

    private RequestWriter writer() {
        return new RequestWriter(Abi.LP64_LE, setup.model(), setup.subVersion());
    }

    private <T> T any(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private void round(List<Action> actions, List<FuzzScene.Way> ways) {
        FuzzScene.Way way = any(ways);
        for (int i = random.nextInt(MOST_OTHERS); i > 0; i--) {
            use(actions, any(ways));
        }
        use(actions, way);
        if (way.bind() != null && random.nextInt(REBIND_OF) == 0) {
            bind(actions, way.bind(), Uapi.BIND_FLAG_UNBIND);
            use(actions, way);
            bind(actions, way.bind(), 0);
            use(actions, way);
            return;
        }
        List<FuzzScene.Entry> entries = way.entries();
        FuzzScene.Entry entry = random.nextBoolean() ? entries.get(entries.size() - 1) : any(entries);
        edit(actions, way, entry, any(entry.values()));
        edit(actions, way, entry, entry.values().get(0));
    }

    private void edit(List<Action> actions, FuzzScene.Way way, FuzzScene.Entry entry, byte[] value) {
        actions.add(new Action.Plain(
                Steps.memWrite(entry.pa(), value, setup.model().payloadOrder())));
        actions.add(drop(way, entry));
        use(actions, way);
    }

    /** The device uses the page; some ask for its translation. */
    private void use(List<Action> actions, FuzzScene.Way way) {
        actions.add(new Action.Plain(Steps.step(
                random.nextInt(3) == 0 ? "ats" : "dma",
                "requester",
                Steps.hex(Integer.toUnsignedLong(way.requester())),
                "pasid",
                way.pasid() == DmaAccess.NO_PASID ? null : Steps.hex(way.pasid()),
                "iova",
                Steps.hex(way.iova()),
                "access",
                any(ACCESSES))));
        actions.add(new Action.Recover());
    }

    private Action drop(FuzzScene.Way way, FuzzScene.Entry entry) {
        List<byte[]> commands = entry.drops().isEmpty() ? List.of() : any(entry.drops());
        if (!setup.driver()) {
            return new Action.Drop(way.requester(), way.pasid(), entry, commands, null);
        }
        byte[] part = joined(commands);
        boolean raw = random.nextInt(4) == 0 && part.length != 0 && generation.acceptsPayload(part.length);
        byte[] request = raw ? writer().invalidate(0, 0, 0, 0, 0, part) : covering(way, entry);
        return new Action.Drop(
                way.requester(), way.pasid(), entry, List.of(), CaseRun.ioctl(request, Abi.LP64_LE));
    }

    private static byte[] joined(List<byte[]> commands) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        commands.forEach(bytes::writeBytes);
        return bytes.toByteArray();
    }

    /** A request without a vendor part that covers the entry: by address, by address space, by both, or everything. */
    private byte[] covering(FuzzScene.Way way, FuzzScene.Entry entry) {
        boolean range = random.nextInt(3) != 0;
        boolean one = generation.pasidBits() != 0 && random.nextBoolean();
        boolean named = one && way.pasid() != DmaAccess.NO_PASID;
        int scope = (range ? Uapi.SCOPE_VADDR : 0) | (named ? Uapi.SCOPE_PASID : 0);
        int flags = one && !named ? Uapi.FLAGS_NO_PASID : 0;
        long first = 0;
        long size = 0;
        if (range) {
            long granule = 1L << generation.granuleShift();
            long before = Math.min(border(), entry.first() >>> generation.granuleShift());
            first = (entry.first() & -granule) - before * granule;
            long end = (entry.first() + entry.lengthBytes() - 1) | (granule - 1);
            size = end + border() * granule - first + 1;
            flags |= entry.leaf() && random.nextBoolean() ? Uapi.FLAGS_VADDR_LEAF : 0;
        }
        return writer().invalidate(scope, flags, named ? way.pasid() : 0, first, size, new byte[0]);
    }

    /** Mostly none: what has to go is at the border itself. */
    private long border() {
        return random.nextBoolean() ? 0 : random.nextInt(MOST_BORDER);
    }
}
