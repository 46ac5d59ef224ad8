package org.iommu4j.testing;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;

/**
 * A chip, its memory and its driver, joined as the core joins them. The driver is made when it is first asked for. A bundle's
 * tests add what its model has: tables, commands, payloads.
 */
public class BackendMachine implements NativePort {
    private final Backend backend;
    private final HardwareConfig config;
    private final Platform platform;
    private final List<String> commands = new ArrayList<>();
    private final InvalidateRequest request = new InvalidateRequest();
    private final CaseRecorder recorder = CaseRecorder.watching();
    private final PhysicalMemory memory;
    private Hardware chip;
    private Translator translator;
    private Completion last = new Completion();

    protected BackendMachine(Backend backend, HardwareConfig config, Platform platform) {
        this.backend = backend;
        this.config = config;
        this.platform = platform;
        memory = recorder == null ? platform.memory() : recorder.watch(platform.memory());
        chip = backend.createHardware(config, platform);
        chip = recorder == null ? chip : recorder.watch(config, chip);
    }

    public final Backend backend() {
        return backend;
    }

    public final HardwareConfig config() {
        return config;
    }

    public final Hardware chip() {
        return chip;
    }

    public final PhysicalMemory memory() {
        return memory;
    }

    /** The driver; made when it is first asked for. */
    public final Translator translator() {
        if (translator == null) {
            drive(backend.createTranslator(config.subVersion(), this));
        }
        return translator;
    }

    private void drive(Translator driver) {
        translator = recorder == null ? driver : recorder.watch(driver);
        translator.tap(bytes -> commands.add(HexFormat.of().formatHex(bytes)));
    }

    /** Replaces the chip, and the driver if there is one, by ones that go on from saved state. */
    public final void swap() {
        var chipState = chip.save();
        var driverState = translator == null ? null : translator.save();
        chip = backend.restoreHardware(chipState, platform);
        if (driverState != null) {
            drive(backend.restoreTranslator(driverState, this));
        }
    }

    /** Takes the commands that the driver issued since the last call, as hex. */
    public final List<String> takeHex() {
        List<String> taken = List.copyOf(commands);
        commands.clear();
        return taken;
    }

    /** Takes the chip's pending events, as hex. */
    public final List<String> takeEvents() {
        List<String> events = new ArrayList<>();
        chip.takeEvents(bytes -> events.add(HexFormat.of().formatHex(bytes)));
        return events;
    }

    /** The completion of the driver's last call. */
    public final Completion last() {
        return last;
    }

    public final Errno open(int domain) {
        last = new Completion();
        translator().openDomain(domain, last);
        return last.errno();
    }

    public final Errno close(int domain) {
        last = new Completion();
        translator().closeDomain(domain, last);
        return last.errno();
    }

    public final Errno attach(int domain, int requester) {
        return attach(domain, requester, -1, 0);
    }

    public final Errno attach(int domain, int requester, long table, int levels) {
        last = new Completion();
        translator().attach(domain, requester, table, levels, last);
        return last.errno();
    }

    public final Errno detach(int domain, int requester) {
        last = new Completion();
        translator().detach(domain, requester, last);
        return last.errno();
    }

    /** Binds what a vendor part says, as a request of wire form 1. */
    public final Errno bind(int domain, int flags, byte[] payload) {
        return bind(domain, Uapi.BIND_PGTABLE, flags, payload);
    }

    /** A bind operation, as a request of wire form 1. */
    public final Errno bind(int domain, int operation, int flags, byte[] payload) {
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, backend.describe().model(), config.subVersion());
        return submit(domain, writer.bind(operation, flags, payload)).errno();
    }

    /** An invalidation without a vendor part, completed. */
    public final Errno invalidate(int domain, int scope, int flags, long vaddr, long size) {
        return invalidate(domain, scope, flags, vaddr, size, new byte[0]);
    }

    /** An invalidation, completed. */
    public final Errno invalidate(int domain, int scope, int flags, long vaddr, long size, byte[] payload) {
        last = new Completion();
        request.set(scope, flags, 0, vaddr, size, config.subVersion(), payload, 0, payload.length);
        invalidate(domain, request);
        return last.errno();
    }

    /** All pieces of an invalidation, completed. */
    private void invalidate(int domain, InvalidateRequest whole) {
        int code = translator().invalidate(domain, whole, last);
        while (code == Translator.UNFINISHED) {
            code = translator().invalidate(domain, whole, last);
        }
        if (code == 0) {
            translator().finish(last);
        }
    }

    /** A request of wire form 1, checked as the core does, carried out in a domain. */
    public final Completion submit(int domain, byte[] bytes) {
        last = new Completion();
        Generation generation = backend.describe().generation(config.subVersion());
        Terms terms = new Terms(
                Abi.LP64_LE,
                backend.describe().model(),
                config.subVersion(),
                generation.payloadLengths(),
                generation.granuleShift(),
                generation.pasidBits(),
                backend.bindFormats());
        RequestReader reader = new RequestReader(terms);
        int operation = reader.read(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, last);
        if (operation == Uapi.INVAL_IOTLB) {
            invalidate(domain, reader.invalidate());
        } else if (operation > 0) {
            translator().bind(domain, reader.bind(), last);
        }
        return last;
    }

    /** One access of a device, of a single byte. */
    public final DmaAccess dma(int requester, long iova, int rights) {
        return dma(requester, iova, rights, 1);
    }

    /** One access of a device. */
    public final DmaAccess dma(int requester, long iova, int rights, int length) {
        DmaAccess access = new DmaAccess().begin(requester, iova, rights).withLength(length);
        chip.translate(access);
        return access;
    }

    @Override
    public final Platform platform() {
        return platform;
    }

    @Override
    public final long readRegister(long offset, int sizeBytes) {
        return chip.readRegister(offset, sizeBytes);
    }

    @Override
    public final void writeRegister(long offset, int sizeBytes, long value) {
        chip.writeRegister(offset, sizeBytes, value);
    }

    @Override
    public final void call(NativeCall call) {
        chip.call(call);
    }
}
