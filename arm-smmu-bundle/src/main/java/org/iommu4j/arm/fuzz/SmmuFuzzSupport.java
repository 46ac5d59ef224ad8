package org.iommu4j.arm.fuzz;

import java.util.random.RandomGenerator;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;

/**
 * Knowledge of an SMMU for the fuzzer: software for a bare chip, with streams of every kind, and tables for a driver's
 * guests.
 */
public final class SmmuFuzzSupport implements FuzzSupport {
    private static final int LOG2_COMMANDS = 8;
    private static final int LOG2_EVENTS = 7;
    private static final int MOST_STREAMS = 4;
    private static final int EVERYTHING = 31;

    /** A fuzzer's knowledge. */
    public SmmuFuzzSupport() {
        // Nothing is kept between calls.
    }

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return SmmuSettings.TABLE.vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        SmmuScenery scenery = new SmmuScenery(SmmuCapabilities.of(config), port, random);
        long streams = port.platform().allocatePages(1);
        int[] streamIds = random.ints(0, 1 << SmmuScenery.LOG2_STREAMS)
                .distinct()
                .limit(1 + random.nextInt(MOST_STREAMS))
                .toArray();
        for (int i = 0; i < streamIds.length; i++) {
            scenery.stream(streams, streamIds[i], i + 1);
        }
        long ring = port.platform().allocatePages(1);
        long events = port.platform().allocatePages(1);
        scenery.scene().value("CMDQ_BASE", ring | LOG2_COMMANDS);
        scenery.scene().value("STRTAB_BASE", streams);
        port.write(StreamTableBase.REGISTER, StreamTableBase.ADDR.of(streams));
        port.write(StreamTableBase.CONFIG, StreamTableBase.LOG2SIZE.of(SmmuScenery.LOG2_STREAMS));
        Queue commands = Queue.COMMANDS;
        port.write(
                commands.baseRegister(),
                commands.address().of(ring) | commands.log2Size().of(LOG2_COMMANDS));
        port.write(commands.producer(), 0);
        port.write(commands.consumer(), 0);
        Queue records = Queue.EVENTS;
        port.write(
                records.baseRegister(),
                records.address().of(events) | records.log2Size().of(LOG2_EVENTS));
        port.write(records.producer(), 0);
        port.write(records.consumer(), 0);
        if (scenery.hasE2h()) {
            port.write(Cr2.REGISTER, Cr2.E2H.mask());
        }
        port.write(Cr0.REGISTER, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask());
        return scenery.scene().build();
    }

    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        SmmuScenery scenery = new SmmuScenery(SmmuCapabilities.of(config), port, random);
        int tables = random.nextInt(3);
        for (int i = 0; i < tables; i++) {
            scenery.attachable();
        }
        int count = 1 + random.nextInt(MOST_STREAMS);
        for (int i = 0; i < count; i++) {
            scenery.bindings(random.nextInt(2 << SmmuScenery.LOG2_STREAMS));
        }
        return scenery.scene().build();
    }

    /** A queue that has stopped at an earlier command goes on first: with CMD_SYNC in place of that one, IHI 0070 7.1. */
    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        Queue queue = Queue.COMMANDS;
        if (!Cr0.ACK_CMDQEN.isSet(port.read(Cr0.ACK)) || command.length != CommandFields.COMMAND_BYTES) {
            return;
        }
        long base = port.read(queue.baseRegister());
        int log2 = Math.min(queue.log2Size().getInt(base), LOG2_COMMANDS);
        long entries = 1L << log2;
        long tail = queue.write().get(port.read(queue.producer())) & (2 * entries - 1);
        long ring = queue.address().get(base) & -Math.max(entries * CommandFields.COMMAND_BYTES, 32);
        long at = ring + (tail & (entries - 1)) * CommandFields.COMMAND_BYTES;
        PhysicalMemory memory = port.platform().memory();
        long acknowledged = port.read(Gerror.ACKNOWLEDGED);
        if (Gerror.CMDQ_ERR.isSet(port.read(Gerror.REGISTER) ^ acknowledged)) {
            long head = queue.read().get(port.read(queue.consumer())) & (entries - 1);
            long wrong = ring + head * CommandFields.COMMAND_BYTES;
            if (memory.contains(wrong, CommandFields.COMMAND_BYTES)) {
                memory.write(wrong, words(SmmuCommand.SYNC, 0), 0, CommandFields.COMMAND_BYTES);
            }
            port.write(Gerror.ACKNOWLEDGED, acknowledged ^ Gerror.ACK_CMDQ_ERR.mask());
        }
        if (memory.contains(at, command.length)) {
            memory.write(at, command, 0, command.length);
        }
        port.write(queue.producer(), (tail + 1) & (2 * entries - 1));
    }

    /** The queue is set up anew, empty, and every cache emptied through it. */
    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        if (scene.valuesOf("CMDQ_BASE").isEmpty()) {
            return false;
        }
        Queue queue = Queue.COMMANDS;
        long on = port.read(Cr0.REGISTER);
        port.write(Cr0.REGISTER, on & ~Cr0.CMDQEN.mask());
        port.write(queue.baseRegister(), scene.valuesOf("CMDQ_BASE").get(0));
        port.write(queue.producer(), 0);
        port.write(queue.consumer(), 0);
        port.write(Gerror.ACKNOWLEDGED, port.read(Gerror.REGISTER));
        port.write(Cr0.REGISTER, on | Cr0.CMDQEN.mask());
        SmmuCapabilities chip = SmmuCapabilities.read(SmmuGeneration.V3_0, port);
        submit(scene, port, words(SmmuCommand.CFGI_STE_RANGE, CommandFields.RANGE.of(EVERYTHING)));
        submit(scene, port, words(SmmuCommand.TLBI_NSNH_ALL, 0));
        int sent = 2;
        if (SmmuCommand.TLBI_EL2_ALL.gate().isOpen(chip)) {
            submit(scene, port, words(SmmuCommand.TLBI_EL2_ALL, 0));
            sent++;
        }
        if (SmmuCommand.ATC_INV.gate().isOpen(chip)) {
            for (int streamId : scene.requesters()) {
                byte[] all = SmmuCommand.ATC_INV
                        .layout()
                        .encode(
                                SmmuCommand.ATC_INV.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId)),
                                CommandFields.SIZE.of(CommandFields.SIZE_ALL));
                submit(scene, port, all);
                sent++;
            }
        }
        submit(scene, port, words(SmmuCommand.SYNC, 0));
        return queue.read().get(port.read(queue.consumer())) == sent + 1;
    }

    private static byte[] words(SmmuCommand command, long word1) {
        return command.layout().encode(command.word(), word1);
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        return new SmmuReferenceWalker(config.subVersion(), port, driver);
    }
}
