package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker.Verdict;
import org.iommu4j.backend.Requester;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.FuzzFailure.Kind;
import org.iommu4j.testbench.run.Absence;
import org.iommu4j.testbench.run.StepRunner;

/**
 * One case while it runs: carries out actions on a fresh machine, keeps the steps that they became, and judges what they came
 * to. Used by one thread.
 *
 * <p>An access is compared with the reference walker as long as only one answer is legal: after an edit, from the first use
 * of a translation on, that is so again once everything was dropped. Accesses in between are the sanitizer's.
 *
 * <p>The class is long because each kind of action is carried out, judged and noted in one place, in that order: taken apart,
 * the parts would share the machine, the judge, the trace and the steps.
 */
final class CaseRun implements AutoCloseable {
    private static final int MOST_LIKE_ENTRIES = 16;
    private static final int ENTRIES_A_STEP = 64;
    private static final int RECORDS_A_STEP = 8;
    private static final int MOST_RECORDS = 256;

    /** Records of the largest log that an architecture has. */
    private static final int LARGEST_LOG = 1 << 19;

    private final IommuService service;
    private final Setup setup;
    private final Coverage coverage;
    private final Backend backend;
    private final FuzzSupport fuzz;
    private final ExplainHints hints;
    private final StepRunner runner;
    private final RecordingPort port;
    private final Judge judge;
    private final Trace trace = new Trace();

    /** Read by another thread when this one hangs. */
    private final List<Map<String, Object>> steps = Collections.synchronizedList(new ArrayList<>());

    private final Map<Integer, long[]> attached = new LinkedHashMap<>();

    /** Binds that were carried out, by their bytes. */
    private final Map<Object, Map<String, Object>> bindings = new LinkedHashMap<>();

    /** True once tables with PASIDs were bound: what is without PASID is not everything then. */
    private boolean pasids;

    /** Devices that a fault may have stopped. */
    private final Set<Integer> faulted = new LinkedHashSet<>();

    /** True if one of them was found stopped. */
    private boolean stopped;

    /** True once a request was carried out since an action set it to false. */
    private boolean requestDone;

    private FuzzScene scene;
    private Abi abi = Abi.LP64_LE;
    private long entriesExpected = MOST_RECORDS;
    private long recordsExpected = MOST_RECORDS;

    /**
     * A fresh machine.
     *
     * @param scene what software has set up; {@link FuzzScene#EMPTY} before it has
     * @throws BackendException if the machine cannot be had
     */
    CaseRun(IommuService service, Setup setup, FuzzScene scene, Coverage coverage) {
        this.service = service;
        this.setup = setup;
        this.scene = scene;
        this.coverage = coverage;
        backend = service.backend(setup.model());
        if (backend == null) {
            throw Absence.of(service, setup.model());
        }
        runner = StepRunner.open(
                service,
                setup.model(),
                setup.subVersion(),
                setup.config(),
                setup.driver(),
                setup.stepping(),
                setup.interrupts());
        fuzz = runner.support().fuzz();
        hints = ExplainHints.of(backend);
        port = new RecordingPort(runner.port(), fuzz::isCallFree, new Software());
        judge = new Judge(fuzz.referenceWalker(runner.hardware(), runner.port(), setup.driver()), runner);
    }

    /** The scene that software has set up. */
    FuzzScene scene() {
        return scene;
    }

    /** The steps so far, each as it was carried out. */
    List<Map<String, Object>> steps() {
        synchronized (steps) {
            return List.copyOf(steps);
        }
    }

    /** The machine's memory. */
    PhysicalMemory memory() {
        return runner.unit().platform().memory();
    }

    /** The calls that were made so far. */
    List<Action.Call> calls() {
        return trace.ops().stream()
                .filter(Trace.Op.Call.class::isInstance)
                .map(Trace.Op.Call.class::cast)
                .map(call -> new Action.Call(call.function(), call.words()))
                .toList();
    }

    /**
     * Carries out an action.
     *
     * @throws Failed if it came to what must not happen
     */
    void run(Action action) {
        try {
            if (action instanceof Action.Plain plain) {
                step(plain.step());
            } else if (action instanceof Action.Command command) {
                coverage.command(command.bytes());
                submit(command);
            } else if (action instanceof Action.Call call) {
                NativeCall made = new NativeCall().begin(call.function());
                for (int word = 0; word < call.words().length; word++) {
                    made.word(word, call.words()[word]);
                }
                call(made);
            } else if (action instanceof Action.BringUp bringUp) {
                SplittableRandom random = new SplittableRandom(bringUp.seed());
                scene = setup.driver()
                        ? fuzz.prepare(runner.hardware(), port, random)
                        : fuzz.bringUp(runner.hardware(), port, random);
            } else if (action instanceof Action.Soak soak) {
                soak(soak);
            } else if (action instanceof Action.Drop drop) {
                drop(drop);
            } else if (action instanceof Action.Recover) {
                recover();
            } else {
                settle();
            }
            port.flush();
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            typed(e);
        }
    }

    private void submit(Action.Command command) {
        try {
            fuzz.submit(scene, port, command.bytes());
        } catch (Failed e) {
            throw e.explained(ExplainHints.list(hints.command(command.bytes())));
        }
    }

    private void drop(Action.Drop drop) {
        requestDone = false;
        if (drop.request() == null) {
            for (byte[] command : drop.commands()) {
                coverage.command(command);
                submit(new Action.Command(command));
            }
            port.flush();
        } else {
            step(drop.request());
        }
        if (drop.request() == null || requestDone) {
            judge.dropped(drop.entry().pa());
            expectForgotten(drop);
        }
    }

    /** A translation that the device was given is gone as well. */
    private void expectForgotten(Action.Drop drop) {
        long first = drop.entry().first();
        long last = first + drop.entry().lengthBytes() - 1;
        String[] kept = new String[1];
        runner.unit().visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> {
            boolean same = (int) tag == drop.requester() && pasid == drop.pasid();
            if (cache.equals(CachedKind.DEVICE.label()) && same && iova <= last && iova + lengthBytes - 1 >= first) {
                kept[0] = "requester " + Requester.both(drop.requester()) + " still holds the translation of iova 0x"
                        + Long.toHexString(iova) + " to 0x" + Long.toHexString(pa)
                        + ", though all that came from the entry at 0x"
                        + Long.toHexString(drop.entry().pa())
                        + " was dropped";
            }
        });
        if (kept[0] != null) {
            throw new Failed(Kind.STALE, kept[0]);
        }
    }

    private void settle() {
        if (setup.driver()) {
            Generation generation = backend.describe().generation(runner.unit().subVersion());
            byte[] request = new RequestWriter(abi, setup.model(), generation.subVersion())
                    .invalidate(0, 0, 0, 0, 0, new byte[0]);
            step(ioctl(request, abi));
        } else {
            boolean settled = fuzz.settle(scene, port);
            port.flush();
            if (settled) {
                judge.settled();
            }
        }
    }

    /** Behind a driver, detaches devices that a fault has stopped and attaches them again, with their binds. */
    private void recover() {
        if (!stopped) {
            return;
        }
        stopped = false;
        List<Integer> devices = List.copyOf(faulted);
        faulted.clear();
        if (!setup.driver()) {
            fuzz.recover(scene, port);
            return;
        }
        for (int device : devices) {
            long[] table = attached.get(device);
            if (table != null) {
                String requester = Steps.hex(Integer.toUnsignedLong(device));
                boolean none = table[0] == -1;
                step(Steps.step("detach", "requester", requester));
                step(Steps.step(
                        "attach",
                        "requester",
                        requester,
                        "table",
                        none ? null : Steps.hex(table[0]),
                        "levels",
                        none ? null : table[1]));
            }
        }
        List.copyOf(bindings.values()).forEach(this::step);
    }

    /** An {@code ioctl} step. */
    static Map<String, Object> ioctl(byte[] request, Abi image) {
        return Steps.step(
                "ioctl",
                "request",
                "VFIO_IOMMU_OP",
                "hex",
                Steps.hex(request),
                "abi",
                image == Abi.LP64_LE ? null : image.label());
    }

    // ---- steps

    private void step(Map<String, Object> given) {
        Map<String, Object> step = new LinkedHashMap<>(given);
        String op = Steps.text(step, "op");
        steps.add(step);
        coverage.step(op);
        recordsExpected += RECORDS_A_STEP;
        entriesExpected += ENTRIES_A_STEP;
        try {
            switch (op) {
                case "dma", "ats" -> access(step, op);
                case "ioctl", "attach", "detach", "map", "unmap" -> contract(step, op);
                case "mem_write", "repeat_mem" -> {
                    runner.run(StepRunner.json(step));
                    if (op.equals("mem_write")) {
                        judge.edited(Steps.number(step, "pa", 0));
                    } else {
                        judge.edited();
                    }
                    trace.memory(step, setup.model().payloadOrder());
                }
                case "mmio_write" -> {
                    runner.run(StepRunner.json(step));
                    long offset = Steps.number(step, "off", 0);
                    int size = (int) Steps.number(step, "size", Integer.BYTES);
                    if (step.containsKey("rel")) {
                        offset = runner.support().relocated(Steps.text(step, "rel"), offset, runner.port());
                    }
                    judge.wrote(offset, size, Steps.number(step, "value", 0));
                    // A pointer of a log in memory says how much of what is there are records.
                    recordsExpected = Math.max(recordsExpected, LARGEST_LOG);
                    trace.register(offset, size, Steps.number(step, "value", 0));
                }
                case "mmio_read" -> {
                    runner.run(StepRunner.json(step));
                    if (changesOnRead(Steps.number(step, "off", 0))) {
                        trace.incomplete();
                    }
                }
                case "events" -> {
                    runner.run(StepRunner.json(step));
                    trace.events();
                }
                case "step" -> {
                    runner.run(StepRunner.json(step));
                    trace.step((int) Steps.number(step, "n", 0));
                }
                case "hcall", "rtas", "instruction" -> {
                    // The outcome of a call of a known case is not seen: only generated calls are compared.
                    runner.run(StepRunner.json(step));
                    judge.lost();
                    trace.incomplete();
                }
                case "repeat" -> {
                    recordsExpected += RECORDS_A_STEP * Steps.number(step, "count", 0);
                    entriesExpected += ENTRIES_A_STEP * Steps.number(step, "count", 0);
                    runner.run(StepRunner.json(step));
                    judge.lost();
                    trace.incomplete();
                }
                default -> runner.run(StepRunner.json(step));
            }
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            if (typed(e, () -> hints(step, op))) {
                // It was refused as a whole: the case is the same without it.
                steps.remove(step);
            }
        }
        for (byte[] command : runner.takeCommands()) {
            coverage.command(command);
        }
    }

    /** True if a read of the register changes it; such reads are no part of the trace. */
    private boolean changesOnRead(long offset) {
        return backend.registers(runner.unit().subVersion()).stream()
                .anyMatch(register -> !fuzz.isReadFree(register)
                        && offset < register.offset() + register.widthBits() / Byte.SIZE
                        && offset + Long.BYTES > register.offset());
    }

    /** Command lines that decode the bytes of a step. */
    private List<String> hints(Map<String, Object> step, String op) {
        return switch (op) {
            case "ioctl" -> {
                Abi image = step.containsKey("abi") ? Abi.ofLabel(Steps.text(step, "abi")) : Abi.LP64_LE;
                yield ExplainHints.list(ExplainHints.request(
                        image, setup.model(), runner.unit().subVersion(), Steps.bytes(step, "hex")));
            }
            case "mmio_write" ->
                hints.registers(
                        runner.unit().subVersion(),
                        Steps.number(step, "off", 0),
                        (int) Steps.number(step, "size", Integer.BYTES),
                        Steps.number(step, "value", 0));
            case "mem_write" ->
                ExplainHints.list(
                        hints.structure("", Steps.written(step, setup.model().payloadOrder())));
            default -> List.of();
        };
    }

    /** Command lines that decode the bytes of the step that was begun last. */
    List<String> lastHints() {
        List<Map<String, Object>> begun = steps();
        if (begun.isEmpty()) {
            return List.of();
        }
        Map<String, Object> last = begun.get(begun.size() - 1);
        return hints(last, Steps.text(last, "op"));
    }

    private static boolean typed(Throwable thrown) {
        return typed(thrown, List::of);
    }

    /**
     * True if it is an error that software or a client may be told; otherwise that is the failure.
     *
     * @param hints gives what decodes the bytes at fault
     * @throws Failed if it is not
     */
    private static boolean typed(Throwable thrown, Supplier<List<String>> hints) {
        if (thrown instanceof Failed failed) {
            throw failed.explained(hints.get());
        }
        boolean vendors = thrown instanceof BackendException refusal
                && (refusal.errno() == Errno.EIO
                        || refusal.getCause() instanceof RuntimeException
                        || refusal.getCause() instanceof Error);
        if (!vendors
                && (thrown instanceof BackendException
                        || thrown instanceof BusErrorException
                        || thrown instanceof CaseFileException
                        || thrown instanceof StepRunner.StepRefusedException)) {
            return true;
        }
        Throwable origin = vendors && thrown.getCause() != null ? thrown.getCause() : thrown;
        throw new Failed(Kind.UNTYPED_EXCEPTION, describe(origin), thrown).explained(hints.get());
    }

    /** An exception and the frame where it was thrown. */
    static String describe(Throwable thrown) {
        StackTraceElement[] frames = thrown.getStackTrace();
        return thrown + (frames.length == 0 ? "" : " at " + frames[0]);
    }

    private void access(Map<String, Object> step, String op) {
        step.remove("expect");
        Map<String, Object> expected = judge.expectation(step, op);
        if (expected != null) {
            step.put("expect", expected);
        }
        StepRunner.Result result = runner.run(StepRunner.json(step));
        String outcome = outcome(result.values());
        coverage.access(outcome, expected != null);
        if (!result.met()) {
            throw new Failed(
                            Kind.WRONG_TRANSLATION,
                            op + " of requester " + Requester.both(Steps.requester(step))
                                    + " at iova 0x"
                                    + Long.toHexString(Steps.number(step, "iova", 0)) + " ("
                                    + Steps.text(step, "access") + "): expected " + StepRunner.json(expected) + ", got "
                                    + StepRunner.json(result.values()))
                    .explained(result.explain());
        }
        int requester = Steps.requester(step);
        boolean fails = result.values().get("fault") instanceof Map<?, ?> fault && fault.containsKey("code");
        judge.accessed(requester, fails);
        if (fails) {
            faulted.add(requester);
        } else {
            stopped |= outcome.equals(DmaAccess.Outcome.BLOCKED.name()) && faulted.contains(requester);
        }
        if (step.containsKey("data")) {
            judge.edited();
            trace.incomplete();
        }
        trace.access(step, op, result.values());
    }

    private static String outcome(Map<String, Object> values) {
        if (!(values.get("fault") instanceof Map<?, ?> fault)) {
            return "translated";
        }
        Object name = fault.get("name");
        return name != null ? name.toString() : "fault " + fault.get("code");
    }

    private void contract(Map<String, Object> step, String op) {
        step.remove("expect");
        Container container = container();
        Fingerprint before = new Fingerprint(runner, backend);
        StepRunner.Result result = runner.run(StepRunner.json(step));
        // The first request opens the container, and one in another image may move to another.
        boolean moved = container() != container;
        if (op.equals("ioctl")) {
            abi = step.containsKey("abi") ? Abi.ofLabel(Steps.text(step, "abi")) : Abi.LP64_LE;
        }
        if (moved && container != null) {
            trace.incomplete();
            attached.forEach((requester, table) -> {
                judge.detached(requester);
                judge.attached(requester, table[0], (int) table[1]);
            });
        }
        String errno = String.valueOf(result.values().get("errno"));
        boolean done = errno.equals(Errno.OK.name());
        coverage.count("errno of " + op, errno);
        if (result.values().get("rule") instanceof String rule) {
            coverage.count("rules", rule);
        }
        boolean failed = errno.equals(Errno.EIO.name());
        ReadRequest read = op.equals("ioctl") && (done || failed) ? read(step) : null;
        if (read != null && read.operation <= 0 && done) {
            throw new Failed(Kind.WRONG_ANSWER, "a request was carried out that breaks a rule");
        }
        Verdict verdict = read != null && read.operation == Uapi.INVAL_IOTLB
                ? judge.invalidated(read.reader.invalidate(), done)
                : Verdict.OPEN;
        if (failed && isGuestsFault(verdict, read)) {
            // How far it came, and what it left behind, is the driver's business.
            trace.incomplete();
            return;
        }
        if (verdict == Verdict.WRONG && done) {
            throw new Failed(
                    Kind.WRONG_ANSWER,
                    op + " was carried out, but by what the tables hold and the devices did the chip could not do it");
        }
        check(step, done, errno, result.values());
        if (!done) {
            if (errno.equals(Errno.ENOMEM.name()) && isMachines(errno, result.values())) {
                // The machine ran out of something while it was at it.
                trace.incomplete();
            } else if (!moved) {
                String difference = before.difference(new Fingerprint(runner, backend));
                if (!difference.isEmpty()) {
                    throw new Failed(
                            Kind.CHANGED_ON_REFUSAL, op + " was refused with " + errno + ", but " + difference);
                }
            }
            return;
        }
        switch (op) {
            case "attach" -> {
                int requester = Steps.requester(step);
                long table = Steps.number(step, "table", -1);
                int levels = table == -1 ? 0 : (int) Steps.number(step, "levels", 0);
                attached.put(requester, new long[] {table, levels});
                judge.attached(requester, table, levels);
                trace.attach(requester, table, levels);
            }
            case "detach" -> {
                int requester = Steps.requester(step);
                attached.remove(requester);
                judge.detached(requester);
                trace.detach(requester);
            }
            case "map", "unmap" -> {
                Container mapped = container();
                if (mapped != null && !mapped.memoryMap().isEmpty()) {
                    // Reference walkers read tables where they are on the host.
                    judge.lost();
                }
                trace.incomplete();
            }
            default -> request(step, read);
        }
    }

    /** The case's container, or null. */
    private Container container() {
        List<Container> open = runner.unit().containers();
        return open.isEmpty() ? null : open.get(0);
    }

    private static void check(Map<String, Object> step, boolean done, String errno, Map<String, Object> values) {
        boolean handled = Integer.valueOf(1).equals(values.get("handled"));
        String wrong = "";
        if (errno.equals(Errno.EIO.name())) {
            wrong = "the chip or its driver failed: " + values.get("reason");
        } else if (handled != done) {
            wrong = "handled is " + values.get("handled");
        } else if (!done && values.get("reason") == null) {
            wrong = "no reason is given";
        } else if (!done && values.get("rule") != null && values.get("field") == null && !isMachines(errno, values)) {
            wrong = "rule " + values.get("rule") + " names no field";
        } else if (done && "WIDENED".equals(values.get("fidelity")) && values.get("reason") == null) {
            wrong = "it was widened without a reason";
        }
        if (!wrong.isEmpty()) {
            boolean thrown = wrong.contains("Exception") || wrong.contains("Error");
            throw new Failed(
                    thrown ? Kind.UNTYPED_EXCEPTION : Kind.WRONG_ANSWER,
                    Steps.text(step, "op") + " was answered " + errno + ", but " + wrong);
        }
    }

    /** True for a refusal by rule V38, which is the machine's and names no field; EINVAL of it is the driver's mistake. */
    private static boolean isMachines(String errno, Map<String, Object> values) {
        return Rule.V38.name().equals(values.get("rule")) && !errno.equals(Errno.EINVAL.name());
    }

    /** True if a driver could answer {@code EIO} only: the reference walker decides, and if it cannot, the model's fuzz support. */
    private boolean isGuestsFault(Verdict verdict, ReadRequest read) {
        return verdict == Verdict.OPEN
                ? fuzz.isGuestsFault(runner.hardware(), runner.port(), read == null ? null : read.invalidation())
                : verdict == Verdict.RIGHT;
    }

    /**
     * A request that was read.
     *
     * @param operation that it is, or a negative errno
     */
    private record ReadRequest(int operation, RequestReader reader) {
        /** The invalidation that it is, or null. */
        InvalidateRequest invalidation() {
            return operation == Uapi.INVAL_IOTLB ? reader.invalidate() : null;
        }
    }

    private ReadRequest read(Map<String, Object> step) {
        byte[] bytes = Steps.bytes(step, "hex");
        RequestReader reader = new RequestReader(terms());
        int operation = reader.read(
                Steps.number(step, "request", Uapi.VFIO_IOMMU_OP), bytes, 0, bytes.length, new Completion());
        return new ReadRequest(operation, reader);
    }

    /** A request was carried out. */
    private void request(Map<String, Object> step, ReadRequest read) {
        requestDone = true;
        if (read.operation == Uapi.INVAL_IOTLB) {
            InvalidateRequest request = read.reader.invalidate();
            if (request.scope() == 0 && !(request.noPasid() && pasids) && request.payloadLength() == 0) {
                judge.settled();
            }
            trace.invalidate(request);
        } else {
            if (!read.reader.bind().unbinds()) {
                bindings.put(step.get("hex"), step);
                pasids |= read.operation != Uapi.BIND_PGTABLE;
            }
            judge.bound(read.reader.bind());
            trace.bind(read.reader.bind());
        }
    }

    private Terms terms() {
        Generation generation = backend.describe().generation(runner.unit().subVersion());
        return new Terms(
                abi,
                setup.model(),
                generation.subVersion(),
                generation.payloadLengths(),
                generation.granuleShift(),
                generation.pasidBits(),
                backend.bindFormats());
    }

    // ---- calls

    private void call(NativeCall call) {
        int function = call.function();
        long[] arguments = new long[NativeCall.WORDS];
        for (int word = 0; word < arguments.length; word++) {
            arguments[word] = call.word(word);
        }
        CallFormat format = format(function);
        Map<String, Object> step = CallStep.of(format, function, arguments);
        steps.add(step);
        coverage.step(Steps.text(step, "op"));
        recordsExpected += RECORDS_A_STEP;
        entriesExpected += ENTRIES_A_STEP;
        Fingerprint before = new Fingerprint(runner, backend);
        try {
            runner.port().call(call);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            typed(e, () -> ExplainHints.list(hints.call(function, arguments)));
            steps.remove(step);
            return;
        }
        String name = format == null ? Steps.hex(function) : format.name();
        String code = format == null ? "" : format.codeName(call.result());
        coverage.count("calls", name + (code.isEmpty() ? "" : "/" + code));
        judge.called(call, arguments);
        trace.call(function, arguments, call.result());
        if (fuzz.refused(call)) {
            String difference = before.difference(new Fingerprint(runner, backend));
            if (!difference.isEmpty()) {
                throw new Failed(
                                Kind.CHANGED_ON_REFUSAL,
                                name + " was refused with " + call.result() + ", but " + difference)
                        .explained(ExplainHints.list(hints.call(function, arguments)));
            }
        }
    }

    private CallFormat format(int function) {
        return backend.calls().stream()
                .filter(call -> call.function() == function)
                .findFirst()
                .orElse(null);
    }

    /** Turns the actions of the model's software into steps. */
    private final class Software implements RecordingPort.Sink {
        @Override
        public void memory(long pa, byte[] bytes) {
            step(Steps.memWrite(pa, bytes, setup.model().payloadOrder()));
        }

        @Override
        public void register(long offset, int sizeBytes, long value) {
            long bits = sizeBytes == Integer.BYTES ? value & 0xffff_ffffL : value;
            step(Steps.step("mmio_write", "off", Steps.hex(offset), "size", sizeBytes, "value", Steps.hex(bits)));
        }

        @Override
        public void call(NativeCall call) {
            CaseRun.this.call(call);
        }
    }

    // ---- growth and the end

    private void soak(Action.Soak soak) {
        Map<String, Object> repeat = Steps.step("repeat", "count", soak.rounds(), "steps", soak.steps());
        Growth growth = new Growth(runner);
        step(repeat);
        growth.first();
        step(repeat);
        growth.second(soak.rounds(), soak.measured(), () -> step(repeat));
    }

    /**
     * Judges the case as a whole.
     *
     * @throws Failed if it came to what must not happen
     */
    void finish() {
        int[] records = new int[1];
        try {
            runner.unit().takeEvents(record -> records[0]++);
        } catch (RuntimeException e) {
            typed(e);
        }
        if (records[0] > recordsExpected) {
            throw new Failed(Kind.GROWTH, records[0] + " records of " + steps.size() + " steps are kept");
        }
        trace.events();
        checkCache();
        checkSanitizer();
        if (setup.twin()) {
            new Twin(service, setup, backend, runner.hardware(), judge.isSettled()).check(trace);
        }
    }

    private void checkCache() {
        Map<String, Integer> like = new LinkedHashMap<>();
        long[] entries = new long[1];
        runner.unit().visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> {
            entries[0]++;
            like.merge(
                    cache + " entry of tag 0x" + Long.toHexString(tag) + ", pasid " + pasid + ", iova 0x"
                            + Long.toHexString(iova) + ", " + lengthBytes + " bytes, to 0x" + Long.toHexString(pa),
                    1,
                    Integer::sum);
        });
        if (entries[0] > entriesExpected) {
            throw new Failed(Kind.GROWTH, entries[0] + " cached entries after " + steps.size() + " steps");
        }
        like.forEach((entry, count) -> {
            if (count > MOST_LIKE_ENTRIES) {
                throw new Failed(Kind.GROWTH, "the " + entry + " is cached " + count + " times");
            }
        });
    }

    private void checkSanitizer() {
        SanitizerReport report = runner.unit().platform().sanitizer().report();
        report.counts().forEach((kind, count) -> coverage.count("findings", kind.name()));
        for (Finding finding : report.findings()) {
            // Pages that only the driver takes and gives back are its own: so are mistakes with them.
            boolean ours = finding.kind() == Finding.Kind.STALE_AFTER_COMPLETION
                    || (setup.driver() && finding.kind() == Finding.Kind.USE_AFTER_FREE_OF_TABLE);
            if (ours) {
                throw new Failed(Kind.STALE, finding.kind() + ": " + finding.text()).explained(hints.finding(finding));
            }
        }
    }

    @Override
    public void close() {
        runner.close();
    }
}
