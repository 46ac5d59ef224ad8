package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.CStruct;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.testbench.FuzzOptions.What;

/**
 * Makes up cases of one model: a machine, and actions on it. Every choice comes from a seed.
 *
 * <p>The class is long because each kind of action has its maker here, and all makers draw from the same random numbers, focus
 * and scene: their order is part of a seed's meaning.
 */
final class CaseGenerator {
    /** Pieces of a container's memory that are mapped by themselves, and all that is mapped. */
    private static final int MAPPED_PIECES = 4;

    private static final long PIECE_BYTES = 1L << 30;
    private static final long MAPPED_BYTES = 1L << 40;

    private static final int LEAST_ACTIONS = 12;
    private static final int MORE_ACTIONS = 48;
    private static final int RECOVER_OF = 4;
    private static final int TWIN_EVERY = 4;
    private static final int SOAK_EVERY = 16;
    private static final int MEASURED_EVERY = 512;
    private static final int SOAK_ROUNDS = 64;
    private static final int MEASURED_ROUNDS = 20_000;
    private static final int PASID_BITS = 20;
    private static final int PAGE = 4096;
    private static final long SCRATCH = 0x8_0000;
    private static final int SCRATCH_PAGES = 64;
    private static final List<String> ACCESSES = List.of("read", "read", "write", "write", "atomic", "execute");
    private static final List<CStruct.Field> FIELDS = fields();

    private final Backend backend;
    private final FuzzSupport fuzz;
    private final What what;
    private final long number;
    private final SplittableRandom random;
    private final Setup setup;
    private Values values;
    private FuzzScene scene = FuzzScene.EMPTY;
    private PhysicalMemory memory;
    private List<Action.Call> knownCalls = List.of();

    /** True if the container of the case has a memory map from the beginning. */
    private boolean mapped;

    /** The requester to which the case returns again and again, so that cache entries of it are used. */
    private int focusRequester;

    private long focusIova;

    /**
     * A case.
     *
     * @param wanted what is generated
     * @param seed of the case
     * @param number of the case
     */
    CaseGenerator(Backend backend, What wanted, long seed, long number) {
        this.backend = backend;
        this.number = number;
        fuzz = backend.bench().fuzz();
        random = new SplittableRandom(seed);
        What[] all = {What.CONTRACT, What.COMMANDS, What.TABLES, What.REGISTERS};
        what = wanted == What.ALL ? all[(int) (number % all.length)] : wanted;
        List<Generation> generations = backend.describe().generations();
        boolean anyGeneration = random.nextInt(3) == 0;
        int usual = backend.bench().generation();
        int drawn = anyGeneration ? random.nextInt(generations.size()) : generations.size() - 1;
        int subVersion = anyGeneration || usual == 0 ? generations.get(drawn).subVersion() : usual;
        boolean driver = what == What.CONTRACT || (what == What.TABLES && random.nextBoolean());
        CacheConfig[] caches = CacheConfig.values();
        HardwareConfig hardware = fuzz.config(subVersion, random).with(caches[random.nextInt(caches.length)]);
        boolean queues = !driver && what != What.TABLES;
        setup = new Setup(
                backend.describe().model(),
                subVersion,
                Setup.config(hardware),
                driver,
                queues && random.nextInt(6) == 0,
                random.nextInt(4) == 0,
                number % TWIN_EVERY == 0);
    }

    private static List<CStruct.Field> fields() {
        List<CStruct.Field> fields = new ArrayList<>(Uapi.OPERATION_INFO.fields());
        fields.addAll(Uapi.TLB_INVALIDATE.fields());
        fields.addAll(Uapi.BIND_HEADER.fields());
        return fields;
    }

    /** The machine. */
    Setup setup() {
        return setup;
    }

    /** The first actions of the case: they set the scene. */
    List<Action> beginning() {
        List<Action> actions = new ArrayList<>();
        if (setup.stepping()) {
            actions.add(plain("step", "n", 0));
        }
        if (setup.interrupts()) {
            actions.add(plain("irq"));
        }
        actions.add(new Action.BringUp(random.nextLong()));
        return actions;
    }

    /** The actions after the beginning. */
    List<Action> rest(CaseRun begun) {
        scene = begun.scene();
        memory = begun.memory();
        knownCalls = begun.calls();
        values = new Values(random, scene, setup.subVersion());
        focusRequester = values.requester();
        focusIova = values.iova();
        List<Action> actions = new ArrayList<>();
        if (!setup.stepping()) {
            new AimedEdits(backend, setup, scene, random).addTo(actions);
        }
        if (setup.driver()) {
            populate(actions);
        }
        int count = LEAST_ACTIONS + random.nextInt(MORE_ACTIONS);
        for (int i = 0; i < count; i++) {
            one(actions);
        }
        if (number % SOAK_EVERY == SOAK_EVERY - 1) {
            soak(actions);
        }
        return actions;
    }

    private static Action plain(String op, Object... keysAndValues) {
        return new Action.Plain(Steps.step(op, keysAndValues));
    }

    private void one(List<Action> actions) {
        int choice = random.nextInt(16);
        if (choice < 6) {
            accesses(actions);
        } else if (choice == 6) {
            actions.add(new Action.Settle());
            accesses(actions);
        } else if (choice == 7) {
            observe(actions);
        } else if (choice < 10) {
            edit(actions);
        } else {
            special(actions);
        }
    }

    private void special(List<Action> actions) {
        if (random.nextInt(4) == 0) {
            changeInUse(actions);
            return;
        }
        switch (what) {
            case CONTRACT -> request(actions);
            case COMMANDS -> command(actions);
            case REGISTERS -> {
                if (random.nextInt(4) == 0) {
                    command(actions);
                } else {
                    register(actions);
                }
            }
            default -> {
                edit(actions);
                if (random.nextInt(3) == 0) {
                    actions.add(new Action.Settle());
                } else if (setup.driver()) {
                    request(actions);
                } else {
                    command(actions);
                }
                accesses(actions);
            }
        }
    }

    /** Uses a translation, edits its tables, invalidates something, and uses the translation again. */
    private void changeInUse(List<Action> actions) {
        actions.add(new Action.Plain(access(true)));
        recover(actions);
        for (int i = random.nextInt(3); i >= 0; i--) {
            edit(actions, tablesOfOneKind());
        }
        for (int i = random.nextInt(3); i >= 0; i--) {
            if (setup.driver()) {
                invalidate(actions);
            } else {
                command(actions);
            }
        }
        actions.add(new Action.Plain(access(true)));
    }

    // ---- accesses and observations

    private void accesses(List<Action> actions) {
        for (int i = random.nextInt(3); i >= 0; i--) {
            actions.add(new Action.Plain(access()));
            recover(actions);
        }
    }

    /** Software that finds a device stopped brings it back, mostly. */
    private void recover(List<Action> actions) {
        if (random.nextInt(RECOVER_OF) != 0) {
            actions.add(new Action.Recover());
        }
    }

    private Map<String, Object> access() {
        return access(random.nextInt(3) == 0);
    }

    private Map<String, Object> access(boolean focused) {
        int pasid = values.pasid();
        boolean request = random.nextInt(10) == 0;
        return Steps.step(
                request ? "ats" : "dma",
                "requester",
                Steps.hex(Integer.toUnsignedLong(focused ? focusRequester : values.requester())),
                "pasid",
                pasid == DmaAccess.NO_PASID ? null : Steps.hex(pasid),
                "iova",
                Steps.hex(focused ? focusIova : values.iova()),
                "access",
                values.any(ACCESSES),
                "len",
                random.nextInt(6) != 0 ? null : random.nextInt(3) == 0 ? random.nextInt(3 * PAGE) : 0,
                "privileged",
                random.nextInt(16) == 0 ? true : null,
                "translated",
                (!request && random.nextInt(24) == 0) ? true : null);
    }

    private void observe(List<Action> actions) {
        switch (random.nextInt(4)) {
            case 0 -> actions.add(plain("events"));
            case 1 -> actions.add(plain("cache"));
            case 2 ->
                actions.add(
                        setup.stepping()
                                ? plain("step", "n", random.nextInt(4))
                                : plain("mem_read", "pa", Steps.hex(SCRATCH), "length", 8));
            default -> {
                if (!setup.driver() || random.nextBoolean()) {
                    List<Register> registers = backend.registers(setup.subVersion());
                    if (!registers.isEmpty()) {
                        Register register = values.any(registers);
                        actions.add(plain(
                                "mmio_read",
                                "off",
                                Steps.hex(register.offset()),
                                "size",
                                register.widthBits() / Byte.SIZE));
                    }
                } else {
                    actions.add(plain("native"));
                }
            }
        }
    }

    // ---- tables

    private void edit(List<Action> actions) {
        edit(actions, scene.tables());
    }

    /** The tables of one kind, any: those of devices would seldom be drawn, as there are many more of pages. */
    private List<FuzzScene.Table> tablesOfOneKind() {
        if (scene.tables().isEmpty()) {
            return List.of();
        }
        Layout kind = values.any(
                scene.tables().stream().map(FuzzScene.Table::layout).distinct().toList());
        return scene.tables().stream().filter(table -> table.layout() == kind).toList();
    }

    private void edit(List<Action> actions, List<FuzzScene.Table> tables) {
        if (tables.isEmpty()) {
            return;
        }
        FuzzScene.Table table = values.any(tables);
        Layout layout = table.layout();
        long pa = entry(table);
        byte[] before = new byte[layout.sizeBytes()];
        byte[] after;
        try {
            memory.read(pa, before, 0, before.length);
            after = switch (random.nextInt(6)) {
                case 0 -> new byte[before.length];
                case 1 -> layout.encode(values.words(layout));
                case 2 -> {
                    byte[] other = new byte[before.length];
                    memory.read(entry(table), other, 0, other.length);
                    yield other;
                }
                default -> layout.encode(values.changed(layout, layout.decode(before, 0)));
            };
        } catch (BusErrorException e) {
            return;
        }
        actions.add(new Action.Plain(Steps.memWrite(pa, after, setup.model().payloadOrder())));
    }

    /** An entry: mostly one that is in use. */
    private long entry(FuzzScene.Table table) {
        byte[] bytes = new byte[table.layout().sizeBytes()];
        long pa = table.pa();
        for (int i = 0; i < 8; i++) {
            pa = table.pa() + (long) random.nextInt(table.count()) * bytes.length;
            memory.read(pa, bytes, 0, bytes.length);
            for (byte one : bytes) {
                if (one != 0) {
                    return pa;
                }
            }
        }
        return pa;
    }

    // ---- commands, calls and registers

    private void command(List<Action> actions) {
        boolean calls = !backend.calls().isEmpty();
        if (calls && (backend.commands().isEmpty() || random.nextBoolean())) {
            call(actions);
            return;
        }
        List<CommandFormat> commands = backend.commands().stream()
                .filter(command -> Integer.compareUnsigned(command.since(), setup.subVersion()) <= 0)
                .toList();
        if (commands.isEmpty()) {
            register(actions);
            return;
        }
        Layout layout = values.any(commands).layout();
        byte[] bytes = random.nextInt(12) == 0 ? values.bytes(layout.sizeBytes()) : layout.encode(values.words(layout));
        actions.add(new Action.Command(bytes));
        if (setup.stepping() && random.nextBoolean()) {
            actions.add(plain("step", "n", 1 + random.nextInt(3)));
        }
    }

    private void call(List<Action> actions) {
        if (!knownCalls.isEmpty() && random.nextInt(5) < 2) {
            Action.Call known = values.any(knownCalls);
            CallFormat format = backend.calls().stream()
                    .filter(call -> call.function() == known.function())
                    .findFirst()
                    .orElse(null);
            long[] words = known.words().clone();
            if (format != null && !format.operands().isEmpty() && random.nextInt(3) != 0) {
                set(actions, format, values.any(format.operands()), words);
            }
            actions.add(new Action.Call(known.function(), words));
            return;
        }
        CallFormat format = values.any(backend.calls());
        long[] words = new long[NativeCall.WORDS];
        for (CallFormat.Operand operand : format.operands()) {
            if (!operand.optional() || random.nextBoolean()) {
                set(actions, format, operand, words);
            }
        }
        if (format.kind() == CallFormat.Kind.RTAS) {
            boolean right = random.nextInt(12) != 0;
            words[CallFormat.RTAS_ARGUMENT_COUNT] = right ? format.operands().size() : random.nextInt(NativeCall.WORDS);
            words[CallFormat.RTAS_RETURN_COUNT] =
                    right ? format.results().size() + 1 : random.nextInt(NativeCall.WORDS);
        }
        actions.add(new Action.Call(random.nextInt(40) == 0 ? random.nextInt() : format.function(), words));
    }

    private void set(List<Action> actions, CallFormat format, CallFormat.Operand operand, long[] words) {
        long mask = -1L >>> (Long.SIZE - operand.width());
        long value;
        if (operand.type() == CallFormat.Type.NUMBER || random.nextInt(12) == 0) {
            value = values.number(operand.name(), operand.width());
        } else {
            value = SCRATCH + (long) random.nextInt(SCRATCH_PAGES) * PAGE;
            List<Layout> layouts = fuzz.blocks(format, operand);
            byte[] block = layouts.isEmpty()
                    ? values.bytes(operand.lengthBytes())
                    : java.util.Arrays.copyOf(encoded(values.any(layouts)), operand.lengthBytes());
            actions.add(
                    new Action.Plain(Steps.memWrite(value, block, setup.model().payloadOrder())));
        }
        words[operand.word()] =
                (words[operand.word()] & ~(mask << operand.shift())) | (value & mask) << operand.shift();
    }

    private byte[] encoded(Layout layout) {
        return layout.encode(values.words(layout));
    }

    private void register(List<Action> actions) {
        List<Register> registers = backend.registers(setup.subVersion());
        if (registers.isEmpty()) {
            return;
        }
        Register register = values.any(registers);
        int offset = register.offset();
        int size = register.widthBits() / Byte.SIZE;
        long value = random.nextInt(3) == 0
                ? values.number(register.name(), register.widthBits())
                : values.words(register.layout())[0];
        if (random.nextInt(12) == 0) {
            offset = random.nextInt(PAGE / Long.BYTES) * Long.BYTES;
        } else if (size == Long.BYTES && random.nextInt(6) == 0) {
            size = Integer.BYTES;
            offset += random.nextInt(2) * Integer.BYTES;
        }
        long bits = size == Integer.BYTES ? value & 0xffff_ffffL : value;
        actions.add(plain("mmio_write", "off", Steps.hex(offset), "size", size, "value", Steps.hex(bits)));
    }

    // ---- the contract

    private void populate(List<Action> actions) {
        mapped = takesMaps() && random.nextInt(4) == 0;
        if (mapped) {
            for (int piece = 0; piece < MAPPED_PIECES; piece++) {
                actions.add(map(piece, piece));
            }
            // The rest in one piece, so that everything is where it was.
            long rest = MAPPED_PIECES * PIECE_BYTES;
            actions.add(plain(
                    "map", "gpa", Steps.hex(rest), "len", Steps.hex(MAPPED_BYTES - rest), "hpa", Steps.hex(rest)));
        }
        for (int requester : scene.requesters()) {
            if (random.nextInt(4) != 0) {
                attach(actions, requester);
            }
        }
        for (FuzzScene.Bind bind : scene.binds()) {
            if (random.nextBoolean()) {
                actions.add(bind(bind.operation(), bind.flags(), bind.payload()));
            }
        }
    }

    private boolean takesMaps() {
        return backend.describe().generation(setup.subVersion()).capabilities().contains(MemoryMapSupport.CAPABILITY);
    }

    private static Action map(long piece, long target) {
        return plain(
                "map",
                "gpa",
                Steps.hex(piece * PIECE_BYTES),
                "len",
                Steps.hex(PIECE_BYTES),
                "hpa",
                Steps.hex(target * PIECE_BYTES));
    }

    /** One piece of the memory goes, or comes back in another place. */
    private void changeMap(List<Action> actions) {
        int piece = random.nextInt(MAPPED_PIECES);
        if (random.nextBoolean()) {
            actions.add(plain("unmap", "gpa", Steps.hex(piece * PIECE_BYTES), "len", Steps.hex(PIECE_BYTES)));
        }
        actions.add(map(piece, random.nextInt(4) == 0 ? random.nextInt(MAPPED_PIECES) : piece));
    }

    private void attach(List<Action> actions, int requester) {
        FuzzScene.Root root = scene.roots().isEmpty() || random.nextInt(3) == 0 ? null : values.any(scene.roots());
        long table = root == null ? 0 : random.nextInt(10) == 0 ? values.number("table", Long.SIZE) : root.table();
        int levels = root == null ? 0 : random.nextInt(10) == 0 ? random.nextInt(17) : root.levels();
        actions.add(plain(
                "attach",
                "requester",
                Steps.hex(Integer.toUnsignedLong(requester)),
                "table",
                root == null ? null : Steps.hex(table),
                "levels",
                root == null ? null : levels));
    }

    private void request(List<Action> actions) {
        switch (random.nextInt(12)) {
            case 0 -> attach(actions, values.requester());
            case 1 -> actions.add(plain("detach", "requester", Steps.hex(Integer.toUnsignedLong(values.requester()))));
            case 2, 3, 4 -> bindSomething(actions);
            case 5 -> {
                if (mapped) {
                    changeMap(actions);
                } else {
                    actions.add(plain(
                            "map", "gpa", Steps.hex(values.iova()), "len", PAGE, "hpa", Steps.hex(values.iova())));
                }
            }
            default -> invalidate(actions);
        }
    }

    private void bindSomething(List<Action> actions) {
        List<BindFormat> formats = backend.bindFormats();
        if (!scene.binds().isEmpty() && random.nextInt(4) != 0) {
            FuzzScene.Bind bind = values.any(scene.binds());
            byte[] payload = bind.payload();
            int flags = bind.flags() | (random.nextInt(3) == 0 ? Uapi.BIND_FLAG_UNBIND : 0);
            if (random.nextInt(3) == 0) {
                for (BindFormat format : formats) {
                    if (format.operation() == bind.operation()
                            && format.layout().sizeBytes() == payload.length) {
                        Layout layout = format.layout();
                        payload = layout.encode(values.changed(layout, layout.decode(payload, 0)));
                    }
                }
            }
            actions.add(bind(bind.operation(), flags, payload));
        } else if (!formats.isEmpty()) {
            BindFormat format = values.any(formats);
            int flags = random.nextInt(2) | (format.vendorFlags() & random.nextInt());
            actions.add(bind(format.operation(), flags, encoded(format.layout())));
        }
    }

    private Action bind(int operation, int flags, byte[] payload) {
        Abi abi = abi();
        return mutated(new RequestWriter(abi, setup.model(), setup.subVersion()).bind(operation, flags, payload), abi);
    }

    private Abi abi() {
        return random.nextInt(16) == 0 ? values.any(List.of(Abi.values())) : Abi.LP64_LE;
    }

    private void invalidate(List<Action> actions) {
        Generation generation = backend.describe().generation(setup.subVersion());
        int scope = random.nextInt(4);
        if (generation.pasidBits() == 0 && random.nextInt(8) != 0) {
            scope &= Uapi.SCOPE_VADDR;
        }
        int flags = random.nextInt(4);
        int pasid = 0;
        long vaddr = 0;
        long size = 0;
        if ((scope & Uapi.SCOPE_PASID) != 0) {
            flags &= ~Uapi.FLAGS_NO_PASID;
            pasid = scene.pasids().isEmpty() ? random.nextInt(1 << PASID_BITS) : values.any(scene.pasids());
        }
        if ((scope & Uapi.SCOPE_VADDR) != 0) {
            long granule = 1L << generation.granuleShift();
            vaddr = (random.nextBoolean() ? focusIova : values.iova()) & -granule;
            size = random.nextInt(6) == 0
                    ? values.number("size", Long.SIZE) & -granule
                    : granule << random.nextInt(random.nextInt(6) == 0 ? 30 : 4);
        } else {
            flags &= ~Uapi.FLAGS_VADDR_LEAF;
        }
        if (random.nextInt(10) == 0) {
            flags = random.nextInt(8);
        }
        Abi abi = abi();
        byte[] request = new RequestWriter(abi, setup.model(), setup.subVersion())
                .invalidate(scope, flags, pasid, vaddr, size, payload());
        actions.add(mutated(request, abi));
    }

    private byte[] payload() {
        List<Layout> layouts = backend.payloads(setup.subVersion());
        if (layouts.isEmpty() || random.nextInt(3) != 0) {
            return new byte[random.nextInt(20) == 0 ? random.nextInt(64) : 0];
        }
        return encoded(values.any(layouts));
    }

    /** The request, or once in a while one with a field, a bit or the length changed. */
    private Action mutated(byte[] request, Abi abi) {
        byte[] bytes = request;
        if (random.nextInt(4) == 0) {
            bytes = request.clone();
            switch (random.nextInt(4)) {
                case 0, 1 -> {
                    CStruct.Field field = values.any(FIELDS);
                    if (field.argumentOffset(abi) >= 0 && field.argumentOffset(abi) + field.bytes() <= bytes.length) {
                        field.put(bytes, 0, abi, values.number(field.name(), field.bytes() * Byte.SIZE));
                    }
                }
                case 2 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
                default -> bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length + 24));
            }
        }
        Map<String, Object> step = CaseRun.ioctl(bytes, abi);
        if (random.nextInt(40) == 0) {
            step.put("request", Steps.hex(values.number("request", Integer.SIZE)));
        }
        return new Action.Plain(step);
    }

    // ---- growth

    private void soak(List<Action> actions) {
        boolean measured = number % MEASURED_EVERY == MEASURED_EVERY - 1;
        List<Map<String, Object>> steps = new ArrayList<>();
        if (setup.driver() && !measured && !scene.roots().isEmpty()) {
            // A device that nobody else has: it comes, works and goes.
            FuzzScene.Root root = values.any(scene.roots());
            String requester = Steps.hex(random.nextInt(1 << 12) << 3 | 7);
            steps.add(Steps.step(
                    "attach", "requester", requester, "table", Steps.hex(root.table()), "levels", root.levels()));
            Map<String, Object> access = access();
            access.put("requester", requester);
            access.remove("len");
            steps.add(access);
            steps.add(Steps.step("detach", "requester", requester));
        } else {
            Map<String, Object> access = access();
            access.remove("len");
            steps.add(access);
        }
        if (!measured) {
            steps.add(Steps.step("events"));
        }
        actions.add(new Action.Soak(List.copyOf(steps), measured ? MEASURED_ROUNDS : SOAK_ROUNDS, measured));
    }
}
