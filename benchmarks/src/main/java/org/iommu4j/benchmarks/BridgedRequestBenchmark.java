package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A guest's command in a request and its wait, from bytes to the chip's completion, for a client of the chip's own generation and for
 * clients that a shim brings to it: read, effect, written, compared. Goals: at most 1.3 times the exact request, no byte allocated.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class BridgedRequestBenchmark {
    private static final int CHIP = SmmuGeneration.V3_3;
    private static final int STREAM = 0x1A8;
    private static final long CONTEXT = 0x30_0000;
    private static final long ROOT = 0x4000_0000L;
    private static final int ASID = 7;

    /** Valid, AArch64, 48 bits, 4 KiB granules, one half. */
    private static final long CONTEXT_DESCRIPTOR = 0x0007_6205_C000_3510L;

    private static final long IOVA = 0x8_0000_0000L;
    private static final int REQUESTS = 1024;

    /** The client: of the chip's generation, of one whose commands keep their bytes, of one whose range loses a hint. */
    @Param({"exact", "kept", "rewritten"})
    public String client;

    private final Completion completion = new Completion();
    private IommuCore core;
    private Unit unit;
    private Container container;
    private byte[][] requests;
    private int next;

    /** Opens the unit, and binds a table of contexts. */
    @Setup
    public void open() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new SmmuBackend());
        HardwareConfig chip = new HardwareConfig(CHIP, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of());
        unit = core.openUnit(new UnitConfig(
                IommuModel.ARM_SMMU, chip, false, 0, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        int generation = switch (client) {
            case "exact" -> CHIP;
            case "kept" -> SmmuGeneration.V3_2;
            default -> SmmuGeneration.V3_4;
        };
        container = unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.ARM_SMMU, generation)));
        if (container.agreement().kind() == Agreement.Kind.EXACT != client.equals("exact")) {
            throw new IllegalStateException(container.agreement().reason());
        }
        unit.platform().memory().writeLongLe(CONTEXT, CONTEXT_DESCRIPTOR);
        unit.platform().memory().writeLongLe(CONTEXT + Long.BYTES, ROOT);
        expect(container.attach(STREAM, completion));
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, generation);
        byte[] contexts = BindPasidTable.LAYOUT.encode(CONTEXT, BindPasidTable.REQUESTER.of(STREAM));
        send(writer.bind(Uapi.BIND_PASIDTBL, 0, contexts));
        requests = new byte[REQUESTS][];
        for (int i = 0; i < REQUESTS; i++) {
            requests[i] = writer.invalidate(0, 0, 0, 0, 0, command(i, client.equals("rewritten")));
            send(requests[i]);
        }
    }

    /** Two granules of 16 KiB; with the hint of level 1 that only 0x0304 knows. */
    private static byte[] command(int number, boolean hinted) {
        return SmmuCommand.TLBI_NH_VA
                .layout()
                .encode(
                        SmmuCommand.TLBI_NH_VA.word() | CommandFields.ASID.of(ASID) | CommandFields.SCALE.of(1),
                        CommandFields.ADDRESS.of(IOVA + ((long) number << (Granule.K16.shift() + 1)))
                                | CommandFields.TG.of(Granule.K16.rangeCode())
                                | CommandFields.TTL.of(hinted ? 1 : 0));
    }

    private void send(byte[] request) {
        expect(container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion));
    }

    private void expect(int code) {
        if (code < 0 || completion.errno() != Errno.OK) {
            throw new IllegalStateException(completion.toString());
        }
    }

    /** Closes the unit. */
    @TearDown
    public void close() {
        container.close();
        unit.close();
        core.close();
    }

    /** One request and its wait. */
    @Benchmark
    public int one() {
        next = (next + 1) % REQUESTS;
        byte[] request = requests[next];
        return container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
    }
}
